import type { AgentInfo } from '@/api/generated';
import { LIVE_MOODS, moodOf, purposeOf, roleOf, type Mood } from './mood';

export type Facet = 'live' | 'ended' | Mood;
export type SortKey = 'number' | 'name' | 'state' | 'cpu' | 'memory' | 'age';
export type View = 'grid' | 'list';

/** What the fleet shows; all of it is in the URL. */
export interface FleetQuery {
  q?: string;
  show?: Facet;
  kind?: 'goal' | 'program';
  reduced?: boolean;
  view?: View;
  sort?: SortKey;
  asc?: boolean;
}

export const FACETS: readonly Facet[] = [
  'live',
  'working',
  'waiting',
  'paused',
  'queued',
  'failed',
  'done',
  'ended',
];
const SORTS: readonly SortKey[] = ['number', 'name', 'state', 'cpu', 'memory', 'age'];

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  return allowed.find((each) => each === value);
}

/** Reads the URL; what it does not know is left out, so that an old link still opens. */
export function parseFleetQuery(search: Record<string, unknown>): FleetQuery {
  const query: FleetQuery = {
    q: typeof search.q === 'string' && search.q !== '' ? search.q.slice(0, 200) : undefined,
    show: oneOf(search.show, FACETS),
    kind: oneOf(search.kind, ['goal', 'program'] as const),
    reduced: search.reduced === '1' || search.reduced === true ? true : undefined,
    view: oneOf(search.view, ['grid', 'list'] as const),
    sort: oneOf(search.sort, SORTS),
    asc: search.asc === '1' || search.asc === true ? true : undefined,
  };
  for (const key of Object.keys(query) as (keyof FleetQuery)[]) {
    if (query[key] === undefined) delete query[key];
  }
  return query;
}

function inFacet(mood: Mood, facet: Facet): boolean {
  if (facet === 'live') return LIVE_MOODS.includes(mood);
  if (facet === 'ended') return mood === 'failed' || mood === 'done';
  return mood === facet;
}

/** Words of the filter must all occur somewhere in what is shown of an agent. */
export function matches(agent: AgentInfo, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true;
  const text = `${agent.name} ${agent.id} ${roleOf(agent)} ${purposeOf(agent)} ${agent.owner} ${agent.lastAction ?? ''}`;
  const lower = text.toLowerCase();
  return wanted.every((word) => lower.includes(word));
}

export function words(q: string | undefined): string[] {
  return (q ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}

/** Agents the query shows, in its order. */
export function select(
  agents: Iterable<AgentInfo>,
  query: FleetQuery,
  figures: Figures = (agent) => agent.usage,
): AgentInfo[] {
  const wanted = words(query.q);
  const facet = query.show ?? 'live';
  const found: AgentInfo[] = [];
  for (const agent of agents) {
    if (!inFacet(moodOf(agent), facet)) continue;
    if (query.kind && (agent.spec.program.type === 'goal') !== (query.kind === 'goal')) continue;
    if (query.reduced && agent.enforcement?.mode !== 'reduced') continue;
    if (matches(agent, wanted)) found.push(agent);
  }
  const direction = query.asc ? 1 : -1;
  const order = COMPARE[query.sort ?? 'number'];
  return found.toSorted((a, b) => direction * order(a, b, figures) || b.number - a.number);
}

/** The newest figures of an agent. */
export type Figures = (agent: AgentInfo) => { cpus: number; memoryBytes: number } | null | undefined;

const STATE_ORDER: readonly Mood[] = ['done', 'queued', 'paused', 'working', 'waiting', 'failed'];

const COMPARE: Record<SortKey, (a: AgentInfo, b: AgentInfo, figures: Figures) => number> = {
  number: (a, b) => a.number - b.number,
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  state: (a, b) => STATE_ORDER.indexOf(moodOf(a)) - STATE_ORDER.indexOf(moodOf(b)),
  cpu: (a, b, figures) => (figures(a)?.cpus ?? 0) - (figures(b)?.cpus ?? 0),
  memory: (a, b, figures) => (figures(a)?.memoryBytes ?? 0) - (figures(b)?.memoryBytes ?? 0),
  age: (a, b) => b.createdAt.localeCompare(a.createdAt),
};

/** How many agents each facet would show, whatever is chosen now. */
export function facetCounts(agents: Iterable<AgentInfo>): Record<Facet, number> {
  const counts = Object.fromEntries(FACETS.map((facet) => [facet, 0])) as Record<Facet, number>;
  for (const agent of agents) {
    const mood = moodOf(agent);
    for (const facet of FACETS) if (inFacet(mood, facet)) counts[facet] += 1;
  }
  return counts;
}
