import type { AgentInfo } from '@/api/generated';

export type BulkAction = 'pause' | 'resume' | 'stop' | 'kill' | 'remove';

/** Only what is shown can be hit: a row that the filter hides is never part of a selection. */
export function effective(selected: ReadonlySet<string>, shown: readonly string[]): string[] {
  return shown.filter((id) => selected.has(id));
}

/** A click on a row; with Shift the range since the last click, along the rows as shown. */
export function toggle(
  selected: ReadonlySet<string>,
  shown: readonly string[],
  id: string,
  anchor: string | null,
  range: boolean,
): Set<string> {
  const next = new Set(selected);
  const to = shown.indexOf(id);
  const from = anchor === null ? -1 : shown.indexOf(anchor);
  if (range && from >= 0 && to >= 0) {
    for (const each of shown.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(each);
    return next;
  }
  if (!next.delete(id)) next.add(id);
  return next;
}

/** Why an action cannot be done to an agent now; null when it can. */
export function refusal(action: BulkAction, agent: Pick<AgentInfo, 'state'>): string | null {
  const { state } = agent;
  const ended = state === 'dead';
  switch (action) {
    case 'pause':
      if (ended) return 'It has ended.';
      if (state === 'paused') return 'It is paused already.';
      return state === 'running' || state === 'sleeping' || state === 'stopped'
        ? null
        : 'It has not started yet.';
    case 'resume':
      return state === 'paused' ? null : 'It is not paused.';
    case 'stop':
    case 'kill':
      return ended ? 'It has ended.' : null;
    case 'remove':
      return ended ? null : 'It still runs. Stop it first.';
  }
}
