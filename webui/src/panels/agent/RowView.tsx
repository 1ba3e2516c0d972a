import { ChevronRight, ThumbsDown, ThumbsUp } from 'lucide-react';
import { memo } from 'react';
import type { Effect } from '@/lib/effects';
import { clock, exactTime } from '@/lib/format';
import { visible } from '@/lib/visible';
import { IconButton } from '@/ui/Button';
import { Diff } from '@/ui/Diff';
import type { Row, Tone } from './timeline';

const TONES: Record<Tone, string> = {
  thought: 'text-thought',
  action: 'text-action',
  observation: 'text-observation',
  person: 'text-accent',
  service: 'text-muted',
  waiting: 'text-waiting',
  failed: 'text-failed',
};

interface Props {
  row: Row;
  open: boolean;
  onToggle: (seq: number) => void;
  /** Absent where nobody can rate steps. */
  onRate?: (step: number, rating: 1 | -1) => void;
  /** What this person said of the step. */
  rated?: number;
}

export const RowView = memo(function RowView({ row, open, onToggle, onRate, rated }: Props) {
  if (row.step !== undefined) return <StepRow row={row} step={row.step} onRate={onRate} rated={rated} />;
  const mono = row.tone === 'action' || row.tone === 'observation' || (row.tone === 'failed' && !row.told);
  const words = `text-13 ${mono ? 'font-mono text-12 leading-5' : ''}`;
  return (
    <div className="flex gap-3 border-b border-line/60 px-4 py-1.5">
      <time
        dateTime={row.at}
        title={exactTime(row.at)}
        className="figures hidden w-16 shrink-0 text-12 leading-5 text-muted sm:block"
      >
        {clock(row.at)}
      </time>
      <span className={`w-20 shrink-0 text-12 leading-5 font-medium ${TONES[row.tone]}`}>
        <span
          aria-hidden="true"
          className="mr-2 inline-block size-1.5 rounded-full bg-current align-middle"
        />
        {row.label}
      </span>
      <div className="min-w-0 flex-1">
        {row.more === null ? (
          <p className={`break-words ${words}`}>
            <Prompt effect={row.effect} />
            {row.line}
          </p>
        ) : (
          <>
            <button
              type="button"
              aria-expanded={open}
              onClick={() => onToggle(row.seq)}
              className="flex w-full min-w-0 items-center gap-1 text-left"
            >
              <ChevronRight
                size={14}
                aria-hidden="true"
                className={`shrink-0 text-muted transition-transform duration-100 ${open ? 'rotate-90' : ''}`}
              />
              <span className={`min-w-0 truncate ${words}`}>
                <Prompt effect={row.effect} />
                {row.line}
              </span>
            </button>
            {open && <More row={row} />}
          </>
        )}
        {row.used && (
          <p className="figures text-12 leading-5 text-muted" title={row.used.why || undefined}>
            {row.used.words}
          </p>
        )}
      </div>
    </div>
  );
});

function Prompt({ effect }: { effect: Effect | undefined }) {
  if (effect?.kind !== 'command') return null;
  return (
    <span aria-hidden="true" className="text-muted select-none">
      ${' '}
    </span>
  );
}

function More({ row }: { row: Row }) {
  const { effect } = row;
  if (effect?.kind === 'write') {
    return (
      <div className="mt-1 mb-1.5">
        <Diff lines={effect.lines} label={`Change of ${effect.path}`} />
        <p className="mt-1 text-12 text-muted">{effect.about}</p>
      </div>
    );
  }
  return (
    <pre className="mt-1 mb-1.5 max-h-96 overflow-auto rounded-sm border border-line bg-screen px-3 py-2 font-mono text-12 leading-[18px] break-words whitespace-pre-wrap text-screen-text">
      {effect?.kind === 'command' ? visible(effect.command) : row.more}
    </pre>
  );
}

/** Where a step begins: who answered, what it cost, and what people think of it. */
function StepRow({ row, step, onRate, rated }: { row: Row; step: number } & Pick<Props, 'onRate' | 'rated'>) {
  return (
    <div className="flex min-h-8 items-center gap-3 border-b border-line/60 bg-raised/50 px-4">
      <time
        dateTime={row.at}
        title={exactTime(row.at)}
        className="figures hidden w-16 shrink-0 text-12 text-muted sm:block"
      >
        {clock(row.at)}
      </time>
      <span className="shrink-0 text-12 font-semibold">Step {step}</span>
      <span className="figures min-w-0 flex-1 truncate text-12 text-muted" title={row.line}>
        {row.line}
      </span>
      {onRate && (
        <span role="group" aria-label={`Step ${step}`} className="flex">
          <IconButton
            label={`Step ${step} was good`}
            aria-pressed={rated === 1}
            onClick={() => onRate(step, 1)}
            className={`size-7! ${rated === 1 ? 'text-working' : ''}`}
          >
            <ThumbsUp size={13} />
          </IconButton>
          <IconButton
            label={`Step ${step} was bad`}
            aria-pressed={rated === -1}
            onClick={() => onRate(step, -1)}
            className={`size-7! ${rated === -1 ? 'text-failed' : ''}`}
          >
            <ThumbsDown size={13} />
          </IconButton>
        </span>
      )}
    </div>
  );
}
