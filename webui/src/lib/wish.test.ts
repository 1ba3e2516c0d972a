import { expect, test } from 'vitest';
import type { ApprovalWish } from '@/api/generated';
import { effectText, wishText } from './wish';

const call: ApprovalWish = {
  type: 'call',
  tool: 'run_command',
  summary: 'run_command: make',
  args: {},
  command: 'make\n\tall \u202e# hidden',
  workdir: '/home/agent',
  path: null,
  diff: null,
  host: null,
  why: 'rule 1',
  tainted: false,
  suspicions: [],
  digest: 'd',
};

test('each kind of wish ends the sentence', () => {
  expect(wishText({ type: 'connect', host: 'a.test', port: 443 }).verb).toBe('connect to');
  expect(wishText(call)).toEqual({ verb: 'make the call', what: 'run_command: make' });
  expect(wishText({ type: 'continue', why: 'it repeats itself' }).what).toContain('repeats');
});

test('nothing hides in what a call would do', () => {
  expect(effectText(call)).toBe('make\n\tall \\u{202e}# hidden');
  expect(effectText({ ...call, command: null, diff: '+a' })).toBe('+a');
  expect(effectText({ type: 'continue', why: 'x' })).toBeNull();
});
