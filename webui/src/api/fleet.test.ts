import { describe, expect, it, vi } from 'vitest';
import { moodOf, wordOf } from '@/lib/mood';
import { agent } from '@/test-agents';
import { Fleet, describeAction, mergeBySeq } from './fleet';
import type { AgentEvent, Event } from './generated';

const one = agent({ number: 1 });
const two = agent({ number: 2 });

function event(seq: number, body: AgentEvent, id: string | null = one.id): Event {
  return { seq, at: '2026-11-20T12:00:00.000Z', agentId: id, owner: 'operator', ...body };
}
const thought = (seq: number, id = one.id) =>
  event(seq, { type: 'agent.thought', pid: 1, step: seq, thought: `thought ${seq}` }, id);

describe('the fleet', () => {
  it('takes each numbered event once, also when a resume overlaps', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one]);
    const exit = event(5, { type: 'process.exit', pid: 1, exit: { code: 3 } });
    expect(fleet.apply(exit)).toBe(true);
    expect(fleet.apply(exit)).toBe(false);
    expect(fleet.apply(event(4, { type: 'agent.paused', pid: 1 }))).toBe(false);
    expect(fleet.get(one.id)?.state).toBe('dead');
    expect(fleet.lastSeq).toBe(5);
  });

  it('wakes only those who show the agent that changed', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one, two]);
    const first = vi.fn();
    const second = vi.fn();
    fleet.subscribe(`agent:${one.id}`, first);
    fleet.subscribe(`agent:${two.id}`, second);
    fleet.apply(event(1, { type: 'agent.paused', pid: 1 }));
    fleet.apply(event(2, { type: 'agent.thought', pid: 1, step: 2, thought: 'x' }));
    expect(first).not.toHaveBeenCalled();
    fleet.flush();
    expect(first).toHaveBeenCalledTimes(1);
    expect(second).not.toHaveBeenCalled();
  });

  it('shows who asks, also after the service described them anew, and wakes only those that it is about', () => {
    const fleet = new Fleet();
    const second = vi.fn();
    fleet.subscribe(`agent:${two.id}`, second);
    fleet.ask(new Set([one.id]));
    fleet.replaceAll([one, two]);
    second.mockClear();
    const looks = () => [one, two].map((each) => wordOf(fleet.get(each.id)!));
    expect(looks()).toEqual(['Asks you', wordOf(two)]);
    expect(moodOf(fleet.get(one.id)!)).toBe('waiting');
    fleet.put(one);
    expect(looks()[0]).toBe('Asks you');
    fleet.ask(new Set());
    expect(looks()).toEqual([wordOf(one), wordOf(two)]);
    expect(second).not.toHaveBeenCalled();
  });

  it('keeps a timeline in order when old events come after new ones', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one]);
    fleet.watch(one.id);
    fleet.apply(thought(7));
    fleet.backfill(one.id, [thought(2), thought(5), thought(7)]);
    fleet.apply(thought(9));
    expect(fleet.timeline(one.id).map((each) => each.seq)).toEqual([2, 5, 7, 9]);
  });

  it('keeps no events of agents that nobody watches', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one, two]);
    fleet.watch(one.id);
    fleet.apply(thought(1, two.id));
    fleet.unwatch(one.id);
    fleet.backfill(one.id, [thought(1)]);
    expect(fleet.timeline(one.id)).toEqual([]);
    expect(fleet.timeline(two.id)).toEqual([]);
  });

  it('asks again for what events do not carry, also for agents it has never seen', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one]);
    fleet.apply(event(1, { type: 'process.stateChange', pid: 1, state: 'running', agentPhase: 'thinking' }));
    fleet.apply(thought(2, two.id));
    expect([...fleet.outdated]).toEqual([one.id, two.id]);
  });

  it('forgets agents that a new list does not name', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one, two]);
    const gone = vi.fn();
    fleet.subscribe(`agent:${two.id}`, gone);
    fleet.replaceAll([one]);
    expect(gone).toHaveBeenCalledTimes(1);
    expect(fleet.get(two.id)).toBeUndefined();
    expect(fleet.find('2')).toBeUndefined();
  });

  it('finds by id, name, number and unique prefix', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one, two]);
    expect(fleet.find(one.id)).toBe(one);
    expect(fleet.find('agent-2')).toBe(two);
    expect(fleet.find('2')).toBe(two);
    expect(fleet.find('agent-')).toBeUndefined();
  });

  it('keeps ten minutes of figures per agent', () => {
    const fleet = new Fleet();
    fleet.replaceAll([one]);
    for (let i = 0; i < 310; i += 1) {
      fleet.applyMetrics(
        {
          processCount: 1,
          cpus: 1,
          memoryBytes: 1,
          agents: [
            [1, i, 2],
            [99, 1, 1],
          ],
        },
        i,
      );
    }
    expect(fleet.samples(one.id)).toHaveLength(300);
    expect(fleet.samples(one.id)[299]).toEqual({ at: 309, cpus: 309, memoryBytes: 2 });
  });
});

describe('merging events', () => {
  it('keeps the same list when nothing came', () => {
    const known = [thought(1)];
    expect(mergeBySeq(known, [])).toBe(known);
  });
  it('describes a tool call in one line', () => {
    expect(describeAction('run_command', { command: 'make\ntest' })).toBe('run_command make');
    expect(describeAction('list_files', { path: '/home/agent' })).toBe('list_files /home/agent');
    expect(describeAction('complete', null)).toBe('complete');
  });
});
