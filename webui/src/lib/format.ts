/** Bytes for people: binary units, at most three digits. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let rest = value;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return `${rest.toFixed(digits)} ${units[unit]}`;
}

/** CPU use: 1.0 is one whole CPU, shown as 100 %. */
export function cpus(value: number): string {
  const percent = value * 100;
  if (percent > 0 && percent < 0.95) return '<1 %';
  return `${Math.round(percent)} %`;
}

/** A duration in its two largest units, for example `2 h 5 min`. */
export function duration(millis: number): string {
  if (millis > 0 && millis < 1000) return '<1 s';
  const seconds = Math.max(0, Math.floor(millis / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago, for example `3 min ago`; clocks that differ a little never give the future. */
export function ago(at: string, now: number): string {
  const passed = now - Date.parse(at);
  if (Number.isNaN(passed)) return at;
  if (passed < 5_000) return 'just now';
  const seconds = Math.floor(passed / 1000);
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  return `${Math.floor(hours / 24)} d ago`;
}

/** The exact time in the reader's zone, with the zone's name. */
export function exactTime(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  return date.toLocaleString(undefined, {
    dateStyle: 'medium',
    timeStyle: 'long',
  });
}

/** Clock time with seconds, for rows of a timeline. */
export function clock(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  return date.toLocaleTimeString(undefined, { hour12: false });
}

/** `1 agent`, `2 agents`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? noun : plural}`;
}

/** Permission bits as `rw-r--r--`. */
export function mode(bits: number): string {
  const flags = 'rwxrwxrwx';
  return [...flags].map((flag, i) => (bits & (1 << (8 - i)) ? flag : '-')).join('');
}
