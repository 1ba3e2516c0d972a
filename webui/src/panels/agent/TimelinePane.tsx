import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { fleet, useDraft } from '@/api/live';
import { Button } from '@/ui/Button';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { DraftView } from './DraftView';
import { MessageBox } from './MessageBox';
import { PlanAside } from './PlanAside';
import { RowView } from './RowView';
import { rowsOf, type Row } from './timeline';
import { useAllEvents } from './useBackfill';
import { useRatings } from './useRatings';

const nameOf = (id: string) => fleet.get(id)?.name ?? id;

/** What the agent thought, did and saw, live; it follows the end until somebody scrolls away. */
export function TimelinePane({ agent }: { agent: AgentInfo }) {
  const { events, loading, error } = useAllEvents(agent.id);
  const rows = useMemo(() => rowsOf(events, nameOf), [events]);
  const goal = agent.spec.program.type === 'goal';
  return (
    <div className="@container flex min-h-0 flex-1">
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
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
          <Rows rows={rows} agent={agent} goal={goal} />
        )}
        {goal && <MessageBox agent={agent} />}
      </div>
      {goal && <PlanAside agent={agent} />}
    </div>
  );
}

function Rows({ rows, agent, goal }: { rows: readonly Row[]; agent: AgentInfo; goal: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [follow, setFollow] = useState(true);
  const draft = useDraft(agent.number);
  const { ratings, rate } = useRatings(agent.id, goal);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 32,
    getItemKey: (index) => rows[index]!.seq,
    overscan: 20,
  });
  const count = rows.length;
  const written = draft ? draft.text.length + draft.calls.length : 0;
  useEffect(() => {
    if (!follow) return;
    list.scrollToIndex(count - 1, { align: 'end' });
    // What is being written stands below the last row.
    if (written > 0) scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, [count, written, follow, list]);
  const onScroll = () => {
    const element = scroller.current!;
    setFollow(element.scrollHeight - element.scrollTop - element.clientHeight < 48);
  };
  const toggle = useCallback(
    (seq: number) =>
      setOpen((old) => {
        const next = new Set(old);
        if (!next.delete(seq)) next.add(seq);
        return next;
      }),
    [],
  );
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
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index]!;
            return (
              <li
                key={item.key}
                data-index={item.index}
                ref={list.measureElement}
                className="absolute inset-x-0"
                style={{ top: item.start }}
              >
                <RowView
                  row={row}
                  open={open.has(row.seq)}
                  onToggle={toggle}
                  onRate={goal ? rate : undefined}
                  rated={row.step === undefined ? undefined : ratings.get(row.step)}
                />
              </li>
            );
          })}
        </ol>
        {draft && <DraftView draft={draft} />}
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
