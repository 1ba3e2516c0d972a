/** Paths inside a sandbox: absolute, with `/`. */
export function childOf(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

export function parentOf(path: string): string {
  const at = path.replace(/\/+$/, '').lastIndexOf('/');
  return at <= 0 ? '/' : path.slice(0, at);
}

/** Each directory on the way to a path, from the top. */
export function crumbs(path: string): { name: string; path: string }[] {
  const parts = path.split('/').filter(Boolean);
  return [
    { name: '/', path: '/' },
    ...parts.map((name, i) => ({ name, path: `/${parts.slice(0, i + 1).join('/')}` })),
  ];
}

/** Bytes as UTF-8 text; null when they are something else. A character cut at the end is no reason to refuse. */
export function decodeText(bytes: Uint8Array): string | null {
  if (bytes.subarray(0, 8192).includes(0)) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return null;
  }
}

/** A path of this service's own pages, or undefined: `//host`, `/\\host` and `/<tab>/host` all lead elsewhere. */
export function ownPath(text: string | undefined): string | undefined {
  if (text === undefined || !text.startsWith('/') || !URL.canParse(text, location.origin)) return undefined;
  const url = new URL(text, location.origin);
  return url.origin === location.origin ? url.pathname + url.search + url.hash : undefined;
}
