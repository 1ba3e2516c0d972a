import type { DiffLine } from '@/lib/diff';
import { visible } from '@/lib/visible';

const SIGNS: Record<DiffLine['kind'], string> = { same: ' ', added: '+', removed: '−', place: ' ' };
const COLOURS: Record<DiffLine['kind'], string> = {
  same: 'text-screen-text',
  added: 'bg-added text-screen-text',
  removed: 'bg-removed text-screen-text',
  place: 'text-muted',
};
/** More lines than anybody reads; what is left out is said. */
const SHOWN = 1000;

/** A change by lines, told by sign as well as by colour; nothing in it stays invisible. */
export function Diff({ lines, label }: { lines: readonly DiffLine[]; label: string }) {
  return (
    <div
      role="region"
      aria-label={label}
      tabIndex={0}
      className="max-h-96 overflow-auto rounded-sm border border-line bg-screen py-1 font-mono text-12 leading-[18px] focus-visible:-outline-offset-2"
    >
      {lines.slice(0, SHOWN).map((line, i) => (
        // oxlint-disable-next-line react/no-array-index-key -- lines have no other name
        <div key={i} className={`flex gap-2 px-3 ${COLOURS[line.kind]}`}>
          <span
            className="w-2 shrink-0 select-none"
            aria-hidden={line.kind === 'same' || line.kind === 'place'}
          >
            {SIGNS[line.kind]}
          </span>
          <span className="min-w-0 break-words whitespace-pre-wrap">{visible(line.text)}</span>
        </div>
      ))}
      {lines.length > SHOWN && (
        <p className="px-3 text-muted">{(lines.length - SHOWN).toLocaleString()} more lines</p>
      )}
    </div>
  );
}
