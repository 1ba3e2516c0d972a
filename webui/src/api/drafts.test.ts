import { expect, test } from 'vitest';
import { Drafts } from './drafts';
import type { AgentDelta, AgentEvent, Event } from './generated';

const delta = (kind: AgentDelta['kind'], text: string, step = 1): AgentDelta => ({
  pid: 7,
  step,
  kind,
  text,
});
const event = (body: AgentEvent): Event => ({ seq: 1, at: '', agentId: 'a', owner: 'o', ...body });
const progress = (step: number) =>
  event({ type: 'agent.progress', pid: 7, step, maxSteps: 9, summary: '', model: null });

test('pieces come together while somebody looks, and a restart begins anew', () => {
  const drafts = new Drafts();
  drafts.take(delta('text', 'nobody looks'));
  let woken = 0;
  const off = drafts.subscribe(7, () => (woken += 1));
  expect(drafts.get(7)).toBeUndefined();
  drafts.take(delta('text', 'I look '));
  drafts.take(delta('text', 'into it'));
  drafts.take(delta('call', 'read_file'));
  expect(drafts.get(7)).toEqual({ step: 1, text: 'I look into it', calls: ['read_file'] });
  drafts.take(delta('restart', ''));
  expect(drafts.get(7)?.text).toBe('');
  drafts.take(delta('text', 'again', 2));
  expect(drafts.get(7)).toEqual({ step: 2, text: 'again', calls: [] });
  expect(woken).toBe(5);
  off();
  expect(drafts.get(7)).toBeUndefined();
});

test('a draft ends with its step, and not with an older one', () => {
  const drafts = new Drafts();
  drafts.subscribe(7, () => undefined);
  drafts.take(delta('text', 'x', 2));
  drafts.apply(progress(1));
  expect(drafts.get(7)).toBeDefined();
  drafts.apply(progress(2));
  expect(drafts.get(7)).toBeUndefined();
  drafts.take(delta('text', 'x'.repeat(30_000), 3));
  expect(drafts.get(7)?.text).toHaveLength(20_000);
  drafts.clear();
  expect(drafts.get(7)).toBeUndefined();
});
