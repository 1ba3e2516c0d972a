import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';
import type { AgentInfo, Event } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { clock, exactTime } from '@/lib/format';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { useAllEvents } from './useBackfill';

/** Every numbered event of the agent as the service keeps it, newest first. */
export function EventsPane({ agent }: { agent: AgentInfo }) {
  const { events, loading, error } = useAllEvents(agent.id);
  const [type, setType] = useState('');
  const types = useMemo(() => [...new Set(events.map((event) => event.type))].toSorted(), [events]);
  const shown = useMemo(
    () => events.filter((event) => type === '' || event.type === type).toReversed(),
    [events, type],
  );
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 30,
    overscan: 20,
    getItemKey: (i) => shown[i]!.seq,
  });
  return (
    <>
      <div className="flex items-center gap-3 border-b border-line px-4 py-2 text-13 text-muted">
        <label className="flex items-center gap-2">
          Type
          <select
            value={type}
            onChange={(event) => setType(event.target.value)}
            className="h-7 rounded-sm border border-line bg-surface px-2 text-13 text-text"
          >
            <option value="">All</option>
            {types.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <span className="figures text-12">{shown.length.toLocaleString()}</span>
      </div>
      {error !== null && (
        <div className="p-4">
          <ErrorNotice error={refusalOf(error)} />
        </div>
      )}
      {shown.length === 0 && !loading && <Empty title="No events">None of this type have been kept.</Empty>}
      <div
        ref={scroller}
        tabIndex={0}
        role="region"
        aria-label="Events"
        className="min-h-0 flex-1 overflow-y-auto focus-visible:-outline-offset-2"
      >
        <ol className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <li
              key={row.key}
              data-index={row.index}
              ref={rows.measureElement}
              className="absolute inset-x-0 border-b border-line/60"
              style={{ top: row.start }}
            >
              <EventRow event={shown[row.index]!} />
            </li>
          ))}
        </ol>
      </div>
    </>
  );
}

function EventRow({ event }: { event: Event }) {
  const { seq, at, type, agentId: _agent, owner: _owner, ...body } = event as Event & Record<string, unknown>;
  delete (body as Record<string, unknown>).pid;
  return (
    <details className="px-4">
      <summary className="flex h-[30px] list-none items-center gap-3 font-mono text-12 [&::-webkit-details-marker]:hidden">
        <span className="w-14 shrink-0 text-right text-muted">{String(seq)}</span>
        <time dateTime={at} title={exactTime(at)} className="hidden w-16 shrink-0 text-muted sm:block">
          {clock(at)}
        </time>
        <span className="w-44 shrink-0 truncate">{type}</span>
        <span className="min-w-0 flex-1 truncate text-muted">{JSON.stringify(body)}</span>
      </summary>
      <pre className="mb-2 max-h-80 overflow-auto rounded-sm border border-line bg-screen px-3 py-2 font-mono text-12 whitespace-pre-wrap text-screen-text">
        {JSON.stringify(body, null, 2)}
      </pre>
    </details>
  );
}
