import { expect, test } from 'vitest';
import { EMPTY_RULE, readRules, ruleWord } from './rules';

test('rules are read in their order, and the first wrong one is named', () => {
  const push = { ...EMPTY_RULE, pattern: 'git push*' };
  const { rules, error } = readRules([push, { then: 'deny', about: 'tainted', pattern: 'ignored' }]);
  expect(error).toBeNull();
  expect(rules).toEqual([
    { then: 'ask', command: 'git push*' },
    { then: 'deny', tainted: true },
  ]);
  expect(rules.map(ruleWord)).toEqual(['ask command=git push*', '{"then":"deny","tainted":true}']);
  expect(readRules([push, EMPTY_RULE]).error).toContain('Rule 2');
  expect(readRules([{ then: 'deny', about: 'path', pattern: 'keys' }]).error).toContain('begin the path');
  expect(ruleWord({ then: 'ask', tool: 'run_command', tainted: true })).toBe(
    '{"then":"ask","tool":"run_command","tainted":true}',
  );
});
