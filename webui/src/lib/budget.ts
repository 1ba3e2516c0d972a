import type { Budget, BudgetKind, BudgetLine, Spent } from '@/api/generated';
import { parseSize, size } from './cli';
import { bytes, duration } from './format';
import { dollars } from './models';

export const KINDS: readonly BudgetKind[] = ['tokens', 'cost', 'steps', 'wall', 'cpu', 'bytesOut'];

export const KIND_LABELS: Record<BudgetKind, string> = {
  tokens: 'Tokens',
  cost: 'Cost',
  steps: 'Steps',
  wall: 'Time',
  cpu: 'CPU time',
  bytesOut: 'Bytes out',
};

export const SCOPES: Record<BudgetLine['scope'], string> = {
  agent: '',
  ownerToday: 'of its owner, today',
  today: 'of the service, today',
};

/** Field of a budget, how it is typed, and its word on the command line. */
const FIELDS: Record<BudgetKind, { key: keyof Budget; word: string; example: string }> = {
  tokens: { key: 'tokens', word: 'tokens', example: '200000' },
  cost: { key: 'costMicrousd', word: 'cost', example: '1.50' },
  steps: { key: 'steps', word: 'steps', example: '100' },
  wall: { key: 'wallSecs', word: 'wall', example: '2h' },
  cpu: { key: 'cpuSecs', word: 'cpu', example: '30m' },
  bytesOut: { key: 'bytesOut', word: 'bytes', example: '100M' },
};
export const exampleOf = (kind: BudgetKind) => FIELDS[kind].example;

/** An amount for people, in the unit in which the kind is counted. */
export function amount(kind: BudgetKind, n: number): string {
  switch (kind) {
    case 'cost':
      return dollars(n);
    case 'wall':
    case 'cpu':
      return duration(n);
    case 'bytesOut':
      return bytes(n);
    default:
      return n.toLocaleString();
  }
}

const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** The same in little room. */
export function shortAmount(kind: BudgetKind, n: number): string {
  if (kind === 'wall' || kind === 'cpu') return shortTime(n);
  return (kind === 'tokens' || kind === 'steps') && n >= 10_000 ? COMPACT.format(n) : amount(kind, n);
}

/** In one unit, cut off and not rounded: what is not used up must not look as if it were. */
function shortTime(millis: number): string {
  const tenths = (unit: number) => (Math.floor((millis * 10) / unit) / 10).toLocaleString();
  if (millis < 60_000) return amount('wall', millis);
  if (millis < 3_600_000) return `${tenths(60_000)} min`;
  return millis < 86_400_000 ? `${tenths(3_600_000)} h` : `${tenths(86_400_000)} d`;
}

export function spentOf(spent: Spent, kind: BudgetKind): number {
  const by: Record<BudgetKind, number> = {
    tokens: spent.tokens,
    cost: spent.costMicrousd,
    steps: spent.steps,
    wall: spent.wallMs,
    cpu: spent.cpuMs,
    bytesOut: spent.bytesOut,
  };
  return by[kind];
}

export type Level = 'calm' | 'near' | 'over';

/** As the service counts it: four fifths are near, everything is over. */
export function levelOf({ used, limit }: Pick<BudgetLine, 'used' | 'limit'>): Level {
  if (used >= limit) return 'over';
  return used * 5 >= limit * 4 ? 'near' : 'calm';
}

/** Limits as typed. */
export type BudgetDraft = Record<BudgetKind, string>;

export const EMPTY_BUDGET: BudgetDraft = { tokens: '', cost: '', steps: '', wall: '', cpu: '', bytesOut: '' };

export function draftOf(budget: Budget): BudgetDraft {
  return {
    tokens: budget.tokens?.toString() ?? '',
    cost: budget.costMicrousd == null ? '' : String(budget.costMicrousd / 1e6),
    steps: budget.steps?.toString() ?? '',
    wall: budget.wallSecs == null ? '' : seconds(budget.wallSecs),
    cpu: budget.cpuSecs == null ? '' : seconds(budget.cpuSecs),
    bytesOut: budget.bytesOut == null ? '' : size(budget.bytesOut),
  };
}

/** What was typed as limits; a field is named with what is wrong in it. */
export function readBudget(draft: BudgetDraft): {
  budget: Budget;
  errors: Partial<Record<BudgetKind, string>>;
} {
  const budget: Budget = {};
  const errors: Partial<Record<BudgetKind, string>> = {};
  for (const kind of KINDS) {
    const text = draft[kind].trim();
    if (text === '') continue;
    const value = read(kind, text);
    if (value !== null && value > 0 && value <= Number.MAX_SAFE_INTEGER) budget[FIELDS[kind].key] = value;
    else errors[kind] = `Give more than nothing, for example ${FIELDS[kind].example}.`;
  }
  return { budget, errors };
}

function read(kind: BudgetKind, text: string): number | null {
  switch (kind) {
    case 'tokens':
    case 'steps':
      return /^[\d_,]+$/.test(text) ? Number(text.replace(/[_,]/g, '')) : null;
    case 'cost':
      return /^\$?\d+(\.\d+)?$/.test(text) ? Math.round(Number(text.replace('$', '')) * 1e6) : null;
    case 'wall':
    case 'cpu':
      return parseSeconds(text);
    case 'bytesOut':
      return parseSize(text);
  }
}

const UNITS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Reads `90`, `45s`, `30m`, `2h`, `1h30m` or `1d` as seconds; null when it is none of them. */
export function parseSeconds(text: string): number | null {
  if (/^\d+$/.test(text)) return Number(text);
  if (!/^(\d+(?:\.\d+)?\s*(?:s|min|m|h|d)\s*)+$/.test(text)) return null;
  let sum = 0;
  for (const [, n, unit] of text.matchAll(/(\d+(?:\.\d+)?)\s*(s|min|m|h|d)/g))
    sum += Number(n) * UNITS[unit!]!;
  return Math.round(sum);
}

function seconds(n: number): string {
  for (const [unit, factor] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
  ] as const)
    if (n >= factor && n % factor === 0) return `${n / factor}${unit}`;
  return `${n}s`;
}

/** `tokens=200000,cost=1.5` for the command line; empty without a limit. */
export function budgetWords(budget: Budget | undefined): string {
  if (!budget) return '';
  const draft = draftOf(budget);
  return KINDS.filter((kind) => draft[kind] !== '')
    .map((kind) => `${FIELDS[kind].word}=${draft[kind]}`)
    .join(',');
}
