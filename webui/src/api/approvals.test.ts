import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Approvals } from './approvals';
import type { Approval, Event } from './generated';

const approval = (id: number, agentId = 'a'): Approval => ({
  id,
  agentId,
  pid: 1,
  agent: 'builder',
  wish: { type: 'connect', host: `${id}.test`, port: 443 },
  step: null,
  askedAt: new Date().toISOString(),
  expiresAt: new Date(Date.now() + 120_000).toISOString(),
});
const event = (body: object, agentId = 'a') =>
  ({ seq: 1, at: new Date().toISOString(), agentId, owner: 'o', pid: 1, ...body }) as Event;
const requested = (id: number, agentId?: string) =>
  event({ type: 'approval.requested', approval: approval(id, agentId) }, agentId);
const decided = (id: number) => event({ type: 'approval.decided', id, decision: 'once', by: 'root' });

let served: Approval[];
let approvals: Approvals;
const ids = () => approvals.all().map((each) => each.id);

beforeEach(() => {
  vi.useFakeTimers();
  served = [];
  approvals = new Approvals(() => Promise.resolve(served));
});
afterEach(() => vi.useRealTimers());

describe('approvals', () => {
  it('come and go with events, oldest first, and tell their listeners', () => {
    const heard = vi.fn();
    approvals.subscribe(heard);
    approvals.apply(requested(2));
    approvals.apply(requested(1));
    expect(ids()).toEqual([1, 2]);
    approvals.apply(decided(2));
    expect(ids()).toEqual([1]);
    expect(heard).toHaveBeenCalledTimes(3);
    const before = approvals.all();
    approvals.apply(event({ type: 'agent.paused' }));
    expect(approvals.all()).toBe(before);
    expect(heard).toHaveBeenCalledTimes(3);
  });

  it('that were answered do not come back with a list that was on its way', () => {
    approvals.apply(requested(1));
    approvals.apply(decided(1));
    approvals.replaceAll([approval(1), approval(2)]);
    expect(ids()).toEqual([2]);
  });

  it('of a service that was started again may have a number that was answered before', () => {
    approvals.answered(1);
    approvals.apply(requested(1));
    expect(ids()).toEqual([1]);
  });

  it('leave with their agent, and with the list that does not name them', () => {
    approvals.apply(requested(1, 'a'));
    approvals.apply(requested(2, 'b'));
    approvals.apply(event({ type: 'process.exit' }, 'a'));
    expect(ids()).toEqual([2]);
    approvals.replaceAll([]);
    expect(ids()).toEqual([]);
  });

  it('are asked for when their time is long over and nothing was heard', async () => {
    approvals.apply(requested(1));
    await vi.advanceTimersByTimeAsync(121_000);
    expect(ids()).toEqual([1]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ids()).toEqual([]);
  });

  it('stay when the service does not answer', async () => {
    const silent = new Approvals(() => Promise.reject(new Error('no')));
    silent.apply(requested(1));
    await silent.refresh();
    expect(silent.all()).toHaveLength(1);
  });
});
