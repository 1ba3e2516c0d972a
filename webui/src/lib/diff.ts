export interface DiffLine {
  kind: 'same' | 'added' | 'removed' | 'place';
  text: string;
}

/** Lines on either side up to which two texts are compared; longer ones are shown as new. */
const COMPARED = 600;
/** Unchanged lines kept around a change. */
const AROUND = 2;

/** A unified diff (as the service makes them) by lines. */
export function readDiff(diff: string): DiffLine[] {
  return lines(diff).map((line) => {
    if (line.startsWith('@@')) return { kind: 'place', text: line };
    if (line.startsWith('+++') || line.startsWith('---')) return { kind: 'place', text: line };
    if (line.startsWith('+')) return { kind: 'added', text: line.slice(1) };
    if (line.startsWith('-')) return { kind: 'removed', text: line.slice(1) };
    return { kind: 'same', text: line.startsWith(' ') ? line.slice(1) : line };
  });
}

/** What became of a text, line by line; null where it is too long to compare. */
export function compare(before: string, after: string): DiffLine[] | null {
  const [old, now] = [lines(before), lines(after)];
  if (old.length > COMPARED || now.length > COMPARED) return null;
  // Longest common subsequence from the end, so that the walk below goes forwards.
  const width = now.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1)
    for (let j = now.length - 1; j >= 0; j -= 1)
      common[i * width + j] =
        old[i] === now[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
  const out: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      out.push({ kind: 'same', text: old[i]! });
      i += 1;
      j += 1;
    } else if (
      j >= now.length ||
      (i < old.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      out.push({ kind: 'removed', text: old[i]! });
      i += 1;
    } else {
      out.push({ kind: 'added', text: now[j]! });
      j += 1;
    }
  }
  return folded(out);
}

/** Every line as new. */
export const added = (text: string): DiffLine[] =>
  lines(text).map((line): DiffLine => ({ kind: 'added', text: line }));

export function countChanges(diff: readonly DiffLine[]): { added: number; removed: number } {
  const of = (kind: DiffLine['kind']) => diff.filter((line) => line.kind === kind).length;
  return { added: of('added'), removed: of('removed') };
}

/** Leaves out what is far from any change, and says how much. */
function folded(all: readonly DiffLine[]): DiffLine[] {
  const near = all.map((_, i) =>
    all.slice(Math.max(0, i - AROUND), i + AROUND + 1).some((line) => line.kind !== 'same'),
  );
  const out: DiffLine[] = [];
  let hidden = 0;
  const say = () => {
    if (hidden > 0)
      out.push({ kind: 'place', text: `${hidden} ${hidden === 1 ? 'line' : 'lines'} unchanged` });
    hidden = 0;
  };
  all.forEach((line, i) => {
    if (!near[i]) hidden += 1;
    else {
      say();
      out.push(line);
    }
  });
  say();
  return out;
}

function lines(text: string): string[] {
  const all = text.split('\n');
  if (all.at(-1) === '') all.pop();
  return all;
}
