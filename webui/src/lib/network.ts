import type {
  AgentSpec,
  NetworkDestination,
  NetworkMode,
  NetworkOtherwise,
  NetworkPreset,
  NetworkRule,
  NetworkRules,
  NetworkVerdict,
} from '@/api/generated';

export const PRESETS: Record<NetworkPreset, string> = {
  pypi: 'Python packages',
  npm: 'Node packages',
  crates: 'Rust packages',
  github: 'Git and downloads of GitHub',
  debian: 'Debian packages',
};
export const PRESET_NAMES = Object.keys(PRESETS) as NetworkPreset[];

/** What happens to a destination that nothing names, as a whole phrase. */
export const OTHERWISE: Record<NetworkOtherwise, string> = {
  deny: 'denied',
  ask: 'held until you decide',
  allow: 'allowed when it is public',
};

export const VERDICTS: Record<NetworkVerdict, string> = {
  allowed: 'Allowed',
  denied: 'Denied',
  held: 'Held',
};

/** The same policy as rules, complete. */
export function rulesOf(mode: NetworkMode | undefined): Required<NetworkRules> {
  const rules: NetworkRules = typeof mode === 'object' ? mode : {};
  return {
    allow: rules.allow ?? [],
    deny: rules.deny ?? [],
    presets: rules.presets ?? [],
    open: rules.open ?? [],
    otherwise: mode === 'open' ? 'allow' : (rules.otherwise ?? 'deny'),
  };
}

/** Does it have a way out at all, the gateway to models included? */
export function hasNetwork(spec: Pick<AgentSpec, 'network' | 'models' | 'secrets'>): boolean {
  const lent = (spec.models ?? []).length + (spec.secrets ?? []).length;
  return (spec.network !== undefined && spec.network !== 'none') || lent > 0;
}

/** A policy in one line. */
export function policyLine(mode: NetworkMode | undefined): string {
  if (mode === undefined || mode === 'none') return 'none: loopback only';
  const { allow, deny, presets, otherwise } = rulesOf(mode);
  const named = [
    allow.length > 0 ? allow.map(ruleText).slice(0, 3).join(', ') : '',
    allow.length > 3 ? `${allow.length - 3} more` : '',
    presets.length > 0 ? `preset ${presets.join(', ')}` : '',
  ].filter(Boolean);
  const first = named.length > 0 ? `allows ${named.join(', ')}; ` : '';
  const denied = deny.length > 0 ? `denies ${deny.slice(0, 3).join(', ')}; ` : '';
  const rest = { deny: 'denies the rest', ask: 'asks about the rest', allow: 'open to public addresses' };
  return first === '' && denied === '' && otherwise === 'deny'
    ? 'denies every destination'
    : `${first}${denied}${rest[otherwise]}`;
}

/** A rule in one line: `api.example.com:8443 GET /v1/`. */
export function ruleText(rule: NetworkRule): string {
  const host = rule.host.includes(':') && rule.ports?.length ? `[${rule.host}]` : rule.host;
  const ports = rule.ports?.length ? `:${rule.ports.join(',')}` : '';
  const program = rule.program ? `=${rule.program}` : '';
  return [host + ports + program, rule.methods?.join(','), rule.paths?.join(' ')].filter(Boolean).join(' ');
}

/** A destination as people write it: an address of version 6 has its brackets. */
export function destinationText(to: { host: string; port: number }): string {
  return `${to.host.includes(':') ? `[${to.host}]` : to.host}:${to.port}`;
}

export type Parsed = { rule: NetworkRule; error?: undefined } | { rule?: undefined; error: string };

const SHAPE = 'Give HOST or HOST:PORT, for example api.example.com or [2001:db8::1]:8443.';

/** Reads `HOST[:PORT][=PROGRAM]` as the command line does; what a host is, the service says. */
export function parseDestination(text: string): Parsed {
  const [to, ...rest] = text.trim().split('=');
  const parsed = parsePlace(to ?? '');
  if (rest.length === 0 || parsed.error !== undefined) return parsed;
  const program = rest.join('=');
  if (!program.startsWith('/')) return { error: 'Give the program by its whole path inside, from “/”.' };
  return { rule: { ...parsed.rule, program } };
}

function parsePlace(typed: string): Parsed {
  if (typed === '' || /[/@\s]/.test(typed)) return { error: SHAPE };
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(typed);
  const [host, port] = bracketed
    ? [bracketed[1]!, bracketed[2]]
    : typed.split(':').length > 2
      ? [typed, undefined]
      : (typed.split(':') as [string, string | undefined]);
  if (host === '' || typed.startsWith('[') !== (bracketed !== null)) return { error: SHAPE };
  if (port === undefined) return { rule: { host } };
  const value = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (value < 1 || value > 65535) return { error: `“${port}” is not a port.` };
  return { rule: { host, ports: [value] } };
}

/** Several destinations, parted by blanks, commas or lines; the first wrong one is named. */
export function parseDestinations(text: string): { rules: NetworkRule[]; error: string | null } {
  const rules: NetworkRule[] = [];
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const parsed = parseDestination(word);
    if (parsed.error !== undefined) return { rules, error: `“${word.slice(0, 60)}”: ${parsed.error}` };
    rules.push(parsed.rule);
  }
  return { rules, error: null };
}

export type Entry =
  | { kind: 'allow'; rule: NetworkRule }
  | { kind: 'deny'; host: string }
  | { kind: 'preset'; preset: NetworkPreset };

/** What a policy names, denials first because they count whatever else allows. */
export function entriesOf(mode: NetworkMode): Entry[] {
  const { allow, deny, presets } = rulesOf(mode);
  return [
    ...deny.map((host): Entry => ({ kind: 'deny', host })),
    ...allow.map((rule): Entry => ({ kind: 'allow', rule })),
    ...presets.map((preset): Entry => ({ kind: 'preset', preset })),
  ];
}

export function entryText(entry: Entry): string {
  if (entry.kind === 'allow') return ruleText(entry.rule);
  return entry.kind === 'deny' ? entry.host : entry.preset;
}

/** The policy without one of the things it names. */
export function without(mode: NetworkMode, entry: Entry): NetworkRules {
  const rules = rulesOf(mode);
  const text = entryText(entry);
  if (entry.kind === 'allow')
    return { ...rules, allow: rules.allow.filter((rule) => ruleText(rule) !== text) };
  if (entry.kind === 'deny') return { ...rules, deny: rules.deny.filter((host) => host !== text) };
  return { ...rules, presets: rules.presets.filter((preset) => preset !== text) };
}

/** Destinations that hold every word and have the verdict. */
export function filterDestinations(
  all: readonly NetworkDestination[],
  text: string,
  verdict: NetworkVerdict | '',
): NetworkDestination[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((each) => {
    const hay = `${destinationText(each)} ${each.reason}`.toLowerCase();
    return (verdict === '' || each.verdict === verdict) && words.every((word) => hay.includes(word));
  });
}

const COLUMNS = [
  'host',
  'port',
  'verdict',
  'reason',
  'allowed',
  'denied',
  'bytesSent',
  'bytesReceived',
  'program',
  'lastAt',
] as const;

/** Destinations as CSV (RFC 4180). */
export function toCsv(rows: readonly NetworkDestination[]): string {
  const lines = [
    COLUMNS.join(','),
    ...rows.map((row) => COLUMNS.map((key) => cell(row[key] ?? '')).join(',')),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** Agents choose the names: what a spreadsheet would take for a formula stays text. */
function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
