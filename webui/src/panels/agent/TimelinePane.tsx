import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ChevronRight } from 'lucide-react';
import { memo, useEffect, useMemo, useRef, useState } from 'react';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { clock, exactTime } from '@/lib/format';
import { Button } from '@/ui/Button';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { MessageBox } from './MessageBox';
import { rowOf, type Row, type Tone } from './timeline';
import { useAllEvents } from './useBackfill';

const TONES: Record<Tone, string> = {
  thought: 'text-thought',
  action: 'text-action',
  observation: 'text-observation',
  person: 'text-accent',
  service: 'text-muted',
  waiting: 'text-waiting',
  failed: 'text-failed',
};

/** What the agent thought, did and saw, live; it follows the end until somebody scrolls away. */
export function TimelinePane({ agent }: { agent: AgentInfo }) {
  const { events, loading, error } = useAllEvents(agent.id);
  const rows = useMemo(() => events.flatMap((event) => rowOf(event) ?? []), [events]);
  const goal = agent.spec.program.type === 'goal';
  return (
    <>
      {error !== null && (
        <div className="p-4">
          <ErrorNotice error={refusalOf(error)} />
        </div>
      )}
      {rows.length === 0 ? (
        <div className="flex-1">
          {loading ? (
            <div className="flex flex-col gap-2 p-4" aria-busy="true">
              {Array.from({ length: 8 }, (_, i) => (
                <div key={i} className="skeleton h-6" />
              ))}
            </div>
          ) : (
            <Empty title="Nothing happened yet">
              Thoughts, actions and results appear here as they come.
            </Empty>
          )}
        </div>
      ) : (
        <Rows rows={rows} />
      )}
      {goal && <MessageBox agent={agent} />}
    </>
  );
}

function Rows({ rows }: { rows: readonly Row[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [follow, setFollow] = useState(true);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 32,
    getItemKey: (index) => rows[index]!.seq,
    overscan: 20,
  });
  const count = rows.length;
  useEffect(() => {
    if (follow) list.scrollToIndex(count - 1, { align: 'end' });
  }, [count, follow, list]);
  const onScroll = () => {
    const element = scroller.current!;
    setFollow(element.scrollHeight - element.scrollTop - element.clientHeight < 48);
  };
  const toggle = (seq: number) =>
    setOpen((old) => {
      const next = new Set(old);
      if (!next.delete(seq)) next.add(seq);
      return next;
    });
  return (
    <div className="relative min-h-0 flex-1">
      {/* A scrolling region that the keyboard can reach. */}
      <div
        ref={scroller}
        onScroll={onScroll}
        role="log"
        aria-label="Timeline"
        aria-live="off"
        tabIndex={0}
        className="h-full overflow-y-auto focus-visible:-outline-offset-2"
      >
        <ol className="relative" style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map((item) => (
            <li
              key={item.key}
              data-index={item.index}
              ref={list.measureElement}
              className="absolute inset-x-0"
              style={{ top: item.start }}
            >
              <RowView row={rows[item.index]!} open={open.has(rows[item.index]!.seq)} onToggle={toggle} />
            </li>
          ))}
        </ol>
      </div>
      {!follow && (
        <Button
          className="absolute right-4 bottom-3 shadow-float"
          icon={<ArrowDown size={14} />}
          onClick={() => setFollow(true)}
        >
          Follow
        </Button>
      )}
    </div>
  );
}

interface RowProps {
  row: Row;
  open: boolean;
  onToggle: (seq: number) => void;
}

const RowView = memo(function RowView({ row, open, onToggle }: RowProps) {
  const mono = row.tone === 'action' || row.tone === 'observation' || (row.tone === 'failed' && !row.told);
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
          <p className={`text-13 break-words ${mono ? 'font-mono text-12 leading-5' : ''}`}>{row.line}</p>
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
              <span className={`min-w-0 truncate text-13 ${mono ? 'font-mono text-12 leading-5' : ''}`}>
                {row.line}
              </span>
            </button>
            {open && (
              <pre className="mt-1 mb-1.5 max-h-96 overflow-auto rounded-sm border border-line bg-screen px-3 py-2 font-mono text-12 leading-[18px] whitespace-pre-wrap text-screen-text">
                {row.more}
              </pre>
            )}
          </>
        )}
      </div>
    </div>
  );
});
