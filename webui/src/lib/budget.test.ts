import { expect, test } from 'vitest';
import {
  EMPTY_BUDGET,
  amount,
  budgetWords,
  draftOf,
  levelOf,
  parseSeconds,
  readBudget,
  shortAmount,
} from './budget';

test('what is typed becomes limits in the service’s units, and back', () => {
  const typed = { tokens: '200_000', cost: '$1.50', steps: '40', wall: '1h30m', cpu: '90', bytesOut: '512M' };
  const { budget, errors } = readBudget(typed);
  expect(errors).toEqual({});
  expect(budget).toEqual({
    tokens: 200_000,
    costMicrousd: 1_500_000,
    steps: 40,
    wallSecs: 5400,
    cpuSecs: 90,
    bytesOut: 536_870_912,
  });
  expect(readBudget(draftOf(budget)).budget).toEqual(budget);
  expect(budgetWords(budget)).toBe('tokens=200000,cost=1.5,steps=40,wall=90m,cpu=90s,bytes=512M');
  expect(budgetWords(readBudget(EMPTY_BUDGET).budget)).toBe('');
});

test('what is no limit is named', () => {
  const { budget, errors } = readBudget({ ...EMPTY_BUDGET, tokens: '0', cost: 'much', wall: '2 weeks' });
  expect(budget).toEqual({});
  expect(Object.keys(errors)).toEqual(['tokens', 'cost', 'wall']);
  expect(parseSeconds('2h')).toBe(7200);
  expect(parseSeconds('')).toBeNull();
});

test('four fifths are near, everything is over', () => {
  expect([79, 80, 99, 100, 130].map((used) => levelOf({ used, limit: 100 }))).toEqual([
    'calm',
    'near',
    'near',
    'over',
    'over',
  ]);
  expect(amount('wall', 90_000)).toBe('1 min 30 s');
  expect(amount('cost', 1_500_000)).toBe('$1.50');
  expect(shortAmount('tokens', 171_234)).toBe('171K');
  expect(shortAmount('steps', 171)).toBe('171');
  expect(shortAmount('wall', 7_200_000)).toBe('2 h');
  expect(shortAmount('wall', 7_199_000)).toBe('1.9 h');
  expect(shortAmount('cpu', 119_000)).toBe('1.9 min');
  expect(shortAmount('wall', 12_000)).toBe('12 s');
});
