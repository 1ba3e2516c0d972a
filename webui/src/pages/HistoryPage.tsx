import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useRef } from 'react';
import type { AgentInfo } from '@/api/generated';
import { useAgent, useIds, useLoaded, useOverview } from '@/api/live';
import { count } from '@/lib/format';
import { matches, words } from '@/lib/filter';
import { useListKeys } from '@/lib/listKeys';
import { moodOf, purposeOf, roleOf, wordOf } from '@/lib/mood';
import { useShortcut } from '@/lib/shortcuts';
import { Chip } from '@/panels/fleet/Filters';
import { Button } from '@/ui/Button';
import { Isolation } from '@/panels/fleet/Tile';
import { State } from '@/ui/Mark';
import { Empty } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';
import { Ago, Lasting } from '@/ui/When';
import { SearchBox } from '@/ui/SearchBox';

const COLUMNS = 'md:grid-cols-[minmax(120px,1fr)_170px_minmax(160px,2.4fr)_96px_96px]';

/** Agents that ended and have not been removed, newest first. */
export function HistoryPage() {
  const { q, outcome } = useSearch({ from: '/history' });
  const navigate = useNavigate({ from: '/history' });
  const loaded = useLoaded();
  const counts = useOverview((agents) => {
    const ended = agents.filter((agent) => agent.state === 'dead');
    const failed = ended.filter((agent) => moodOf(agent) === 'failed').length;
    return { all: ended.length, failed, completed: ended.length - failed };
  });
  const pick = useCallback((agents: readonly AgentInfo[]) => endedAgents(agents, q, outcome), [q, outcome]);
  const ids = useIds(pick, false);
  const box = useRef<HTMLInputElement>(null);
  useShortcut('/', 'Filter', 'Lists', () => box.current?.focus());
  useListKeys({});
  const set = (next: 'completed' | 'failed' | undefined) =>
    void navigate({ search: (old) => ({ ...old, outcome: next }), replace: true });

  return (
    <>
      <PageHead title="History">
        <p className="text-13 text-muted">
          {count(counts.all, 'agent')} ended. Their homes stay until you remove them.
        </p>
      </PageHead>
      <div className="flex flex-wrap items-center gap-2 px-4 pb-3">
        <SearchBox
          ref={box}
          label="Search ended agents"
          className="w-full sm:w-64"
          defaultValue={q ?? ''}
          onChange={(event) =>
            void navigate({
              search: (old) => ({ ...old, q: event.target.value.trim() || undefined }),
              replace: true,
            })
          }
        />
        <div role="group" aria-label="Outcome" className="flex gap-1">
          <Chip label="All" figure={counts.all} on={outcome === undefined} onClick={() => set(undefined)} />
          <Chip
            label="Completed"
            figure={counts.completed}
            on={outcome === 'completed'}
            onClick={() => set('completed')}
          />
          <Chip
            label="Failed"
            figure={counts.failed}
            on={outcome === 'failed'}
            onClick={() => set('failed')}
          />
        </div>
      </div>
      {!loaded ? (
        <div className="flex flex-col gap-2 px-4" aria-busy="true">
          {Array.from({ length: 8 }, (_, i) => (
            <div key={i} className="skeleton h-11" />
          ))}
        </div>
      ) : ids.length > 0 ? (
        <Rows ids={ids} />
      ) : counts.all === 0 ? (
        <Empty title="No agent has ended yet">
          They appear here with how they ended, how long they ran, and their files.
        </Empty>
      ) : (
        <Empty
          title="No ended agent matches"
          action={<Button onClick={() => void navigate({ search: {} })}>Show all</Button>}
        >
          {q && `Nothing contains “${q}”.`}
        </Empty>
      )}
    </>
  );
}

/** Ended agents that hold every word and have the outcome, newest end first. */
export function endedAgents(
  agents: readonly AgentInfo[],
  q?: string,
  outcome?: 'completed' | 'failed',
): AgentInfo[] {
  const wanted = words(q);
  return agents
    .filter((agent) => agent.state === 'dead' && matches(agent, wanted))
    .filter((agent) => outcome === undefined || (moodOf(agent) === 'failed') === (outcome === 'failed'))
    .toSorted((a, b) => (b.endedAt ?? '').localeCompare(a.endedAt ?? '') || b.number - a.number);
}

function Rows({ ids }: { ids: readonly string[] }) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 60,
    overscan: 12,
    getItemKey: (i) => ids[i]!,
  });
  return (
    <div
      ref={scroller}
      data-list=""
      className="mx-4 mb-4 min-h-0 overflow-y-auto rounded-lg border border-line bg-surface"
    >
      <div
        aria-hidden="true"
        className={`sticky top-0 z-10 hidden h-9 items-center gap-4 border-b border-line bg-surface px-4 text-12 text-muted md:grid ${COLUMNS}`}
      >
        <span>Name</span>
        <span>Outcome</span>
        <span>Asked for</span>
        <span>Ran</span>
        <span>Ended</span>
      </div>
      <ul aria-label="Ended agents" className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => (
          <li
            key={row.key}
            data-index={row.index}
            ref={rows.measureElement}
            className="absolute inset-x-0 border-b border-line"
            style={{ top: row.start }}
          >
            <Row id={ids[row.index]!} />
          </li>
        ))}
      </ul>
    </div>
  );
}

const Row = memo(function Row({ id }: { id: string }) {
  const agent = useAgent(id);
  if (!agent) return null;
  return (
    <div
      className={`relative flex flex-col gap-0.5 px-4 py-2.5 text-13 hover:bg-raised md:grid md:items-center md:gap-4 ${COLUMNS}`}
    >
      <span className="flex items-baseline justify-between gap-2">
        <Link
          to="/agents/$ref"
          params={{ ref: id }}
          data-row={id}
          className="truncate font-medium after:absolute after:inset-0"
        >
          {agent.name}
        </Link>
        {agent.enforcement?.mode === 'reduced' && <Isolation agent={agent} />}
      </span>
      <State mood={moodOf(agent)} word={wordOf(agent)} />
      <span className="min-w-0 truncate text-muted" title={agent.exit?.reason ?? purposeOf(agent)}>
        {roleOf(agent)} · {purposeOf(agent)}
      </span>
      <span className="flex gap-2 text-12 text-muted md:contents">
        <span className="figures text-12">
          {agent.startedAt ? <Lasting from={agent.startedAt} to={agent.endedAt} /> : 'never ran'}
        </span>
        <span className="text-12 text-muted before:mr-2 before:content-['·'] md:before:content-none">
          {agent.endedAt && <Ago at={agent.endedAt} />}
        </span>
      </span>
    </div>
  );
});
