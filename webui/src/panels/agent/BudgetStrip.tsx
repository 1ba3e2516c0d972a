import { Snowflake } from 'lucide-react';
import { useState } from 'react';
import type { AgentInfo, BudgetLine } from '@/api/generated';
import { KIND_LABELS, SCOPES, amount, levelOf, shortAmount, type Level } from '@/lib/budget';
import { Button } from '@/ui/Button';
import { sentence } from '@/ui/Notice';
import { BudgetDialog } from './BudgetDialog';
import { PostMortemDialog } from './PostMortemDialog';
import { useBudget } from './useBudget';

const BARS: Record<Level, string> = { calm: 'bg-accent', near: 'bg-waiting', over: 'bg-failed-solid' };
const FIGURES: Record<Level, string> = { calm: 'text-muted', near: 'text-waiting', over: 'text-failed' };
const WORDS: Record<Level, string> = { calm: '', near: ', nearly used up', over: ', used up' };

/** What is left of each limit, and what to do about an agent that was frozen. Nothing without a limit. */
export function BudgetStrip({ agent }: { agent: AgentInfo }) {
  const { budget, set } = useBudget(agent);
  const [open, setOpen] = useState<'limits' | 'found' | null>(null);
  // As high as what comes, so that nothing below it jumps.
  if (!budget)
    return Object.keys(agent.spec.budget ?? {}).length > 0 ? (
      <div aria-hidden="true" className="h-[41px] border-b border-line" />
    ) : null;
  const { lines, frozen, postMortem } = budget;
  const live = agent.state !== 'dead';
  const stopped = live && frozen !== null;
  if (lines.length === 0 && !stopped && postMortem === null) return null;
  return (
    <section aria-label="Budget" className="border-b border-line">
      {stopped && (
        <div
          role="alert"
          className="flex flex-wrap items-center gap-x-3 gap-y-2 border-b border-line bg-failed-soft px-4 py-2 text-13"
        >
          <Snowflake size={15} aria-hidden="true" className="shrink-0 text-failed" />
          <p className="min-w-0 flex-1 basis-60 break-words">
            <strong className="font-semibold">Frozen.</strong> {sentence(frozen)}
          </p>
          {postMortem && <Button onClick={() => setOpen('found')}>What it did</Button>}
          <Button kind="primary" onClick={() => setOpen('limits')}>
            Raise limits
          </Button>
        </div>
      )}
      {(lines.length > 0 || (postMortem && !stopped)) && (
        <div className="flex flex-wrap items-center gap-x-5 gap-y-2 px-4 py-2 sm:pl-15">
          {lines.map((line) => (
            <Bar key={`${line.scope} ${line.kind}`} line={line} />
          ))}
          {postMortem && !stopped && (
            <Button kind="quiet" className="h-7" onClick={() => setOpen('found')}>
              Why it was frozen
            </Button>
          )}
          {live && !stopped && (
            <Button kind="quiet" className="h-7" onClick={() => setOpen('limits')}>
              Change limits
            </Button>
          )}
        </div>
      )}
      {open === 'limits' && (
        <BudgetDialog agent={agent} budget={budget} onSet={set} onClose={() => setOpen(null)} />
      )}
      {open === 'found' && postMortem && (
        <PostMortemDialog agent={agent} found={postMortem} onClose={() => setOpen(null)} />
      )}
    </section>
  );
}

function Bar({ line }: { line: BudgetLine }) {
  const { kind, scope, used, limit } = line;
  const level = levelOf(line);
  const share = Math.min(1, used / limit);
  return (
    <div
      className={`min-w-0 flex-1 ${SCOPES[scope] ? 'basis-72 sm:max-w-84' : 'basis-36 sm:max-w-60'}`}
      title={`${amount(kind, used)} of ${amount(kind, limit)} ${SCOPES[scope] || 'of this agent'}`}
    >
      <p className="flex items-baseline justify-between gap-2 text-12">
        <span className="truncate">
          {KIND_LABELS[kind]}
          {SCOPES[scope] && <span className="text-muted"> {SCOPES[scope]}</span>}
        </span>
        <span className={`figures shrink-0 ${FIGURES[level]}`}>
          {shortAmount(kind, used)} / {shortAmount(kind, limit)}
          <span className="sr-only">{WORDS[level]}</span>
        </span>
      </p>
      <span aria-hidden="true" className="mt-1 block h-1 overflow-hidden rounded-full bg-raised">
        <span className={`block h-full ${BARS[level]}`} style={{ width: `${(share * 100).toFixed(1)}%` }} />
      </span>
    </div>
  );
}
