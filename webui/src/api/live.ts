import { useCallback, useMemo, useRef, useSyncExternalStore } from 'react';
import { Approvals } from './approvals';
import { Drafts, type Draft } from './drafts';
import { Fleet, type Sample } from './fleet';
import type { AgentInfo, Approval, Event, KernelMetrics } from './generated';
import { Kernel, type Link } from './kernel';
import { listApprovals } from './network';

/** The page's one store and one connection. */
export const fleet = new Fleet();
export const drafts = new Drafts();
export const kernel = new Kernel(fleet, undefined, (delta) => drafts.take(delta));
export const approvals = new Approvals(listApprovals);

fleet.onEvent = (event) => {
  approvals.apply(event);
  drafts.apply(event);
};
approvals.subscribe(() => fleet.ask(new Set(approvals.all().map((approval) => approval.agentId))));
// Each connection may follow a silence: what began to wait meanwhile is asked for.
kernel.subscribe(() => {
  if (kernel.link.phase === 'open') void approvals.refresh();
  else drafts.clear();
});

/** What an agent is about to say; renders again with each piece. */
export function useDraft(number: number): Draft | undefined {
  const subscribe = useCallback((wake: () => void) => drafts.subscribe(number, wake), [number]);
  return useSyncExternalStore(subscribe, () => drafts.get(number));
}

/** What waits for a person's word, oldest first. */
export const useApprovals = (): readonly Approval[] =>
  useSyncExternalStore(approvals.subscribe, approvals.all);

export function useLink(): Link {
  return useSyncExternalStore(kernel.subscribe, () => kernel.link);
}

/** One agent; renders again only when this agent changes. */
export function useAgent(id: string): AgentInfo | undefined {
  const subscribe = useCallback((wake: () => void) => fleet.subscribe(`agent:${id}`, wake), [id]);
  return useSyncExternalStore(subscribe, () => fleet.get(id));
}

/** Id of the agent that a reference in the URL means. */
export function useAgentId(ref: string): string | undefined {
  return useSyncExternalStore(onList, () => fleet.find(ref)?.id);
}

export function useSamples(id: string): readonly Sample[] {
  const subscribe = useCallback((wake: () => void) => fleet.subscribe(`samples:${id}`, wake), [id]);
  return useSyncExternalStore(subscribe, () => fleet.samples(id));
}

export function useTimeline(id: string): readonly Event[] {
  const subscribe = useCallback((wake: () => void) => fleet.subscribe(`timeline:${id}`, wake), [id]);
  return useSyncExternalStore(subscribe, () => fleet.timeline(id));
}

const onList = (wake: () => void) => fleet.subscribe('list', wake);
const onFigures = (wake: () => void) => fleet.subscribe('figures', wake);
const onNothing = () => () => undefined;

export const useLoaded = (): boolean => useSyncExternalStore(onList, () => fleet.loaded);
export const useMetrics = (): KernelMetrics | null => useSyncExternalStore(onFigures, () => fleet.metrics);

/** What `pick` makes of all agents; renders again only when that differs (compared by its JSON for small results). */
export function useOverview<T>(pick: (agents: readonly AgentInfo[]) => T): T {
  const last = useRef<{ text: string; value: T } | null>(null);
  return useSyncExternalStore(onList, () => {
    const value = pick(fleet.all());
    const text = JSON.stringify(value);
    if (last.current?.text !== text) last.current = { text, value };
    return last.current.value;
  });
}

/** Ids of the agents that `pick` chooses, in its order; the same array while ids and order stay. */
export function useIds(
  pick: (agents: readonly AgentInfo[]) => AgentInfo[],
  byFigures: boolean,
): readonly string[] {
  const subscribe = useMemo(() => {
    if (!byFigures) return onList;
    return (wake: () => void) => {
      const off = [onList(wake), onFigures(wake)];
      return () => off.forEach((each) => each());
    };
  }, [byFigures]);
  const last = useRef<readonly string[]>([]);
  return useSyncExternalStore(subscribe, () => {
    const ids = pick(fleet.all()).map((agent) => agent.id);
    const known = last.current;
    if (ids.length !== known.length || ids.some((id, i) => id !== known[i])) last.current = ids;
    return last.current;
  });
}

/** Counts up whenever a topic of an agent changes, to ask the service again. */
export function useChanges(
  topic: 'ttys' | 'files' | 'network' | 'budget' | 'plan' | 'memory' | 'letters' | 'tree',
  id: string,
): number {
  const changes = useRef(0);
  const subscribe = useMemo(
    () =>
      id === ''
        ? onNothing
        : (wake: () => void) =>
            fleet.subscribe(`${topic}:${id}`, () => {
              changes.current += 1;
              wake();
            }),
    [topic, id],
  );
  return useSyncExternalStore(subscribe, () => changes.current);
}
