import { expect, test } from 'vitest';
import { added, compare, countChanges, readDiff } from './diff';

test('a change is what was removed and added, with little around it', () => {
  const before = Array.from({ length: 9 }, (_, i) => `line ${i}`).join('\n');
  const diff = compare(before, before.replace('line 4', 'line four'))!;
  expect(countChanges(diff)).toEqual({ added: 1, removed: 1 });
  expect(diff.map((line) => line.text)).toEqual([
    '2 lines unchanged',
    'line 2',
    'line 3',
    'line 4',
    'line four',
    'line 5',
    'line 6',
    '2 lines unchanged',
  ]);
  expect(compare('a\n', 'a\n')).toEqual([{ kind: 'place', text: '1 line unchanged' }]);
  expect(compare('', 'a\nb\n')).toEqual(added('a\nb\n'));
  expect(compare('x\n'.repeat(601), 'x')).toBeNull();
});

test('the service’s own diff is read as it stands', () => {
  expect(readDiff('--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n same\n').map((line) => line.kind)).toEqual([
    'place',
    'place',
    'place',
    'removed',
    'added',
    'same',
  ]);
});
