import { useNavigate, useSearch } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { Suspense, lazy, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { fleet, useIds, useLink, useLoaded, useOverview } from '@/api/live';
import type { AgentInfo } from '@/api/generated';
import { select, type FleetQuery } from '@/lib/filter';
import { useListKeys } from '@/lib/listKeys';
import { moodOf } from '@/lib/mood';
import { effective, toggle } from '@/lib/selection';
import { Filters } from '@/panels/fleet/Filters';
import { Grid } from '@/panels/fleet/Grid';
import { Tile } from '@/panels/fleet/Tile';
import { Totals } from '@/panels/fleet/Totals';
import { Button } from '@/ui/Button';
import { Empty } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';

// The grid is what a first visit shows; the rest comes when it is asked for.
const List = lazy(() => import('@/panels/fleet/List').then((module) => ({ default: module.List })));
const SelectionBar = lazy(() =>
  import('@/panels/fleet/SelectionBar').then((module) => ({ default: module.SelectionBar })),
);
const Starters = lazy(() =>
  import('@/panels/fleet/FirstRun').then((module) => ({ default: module.Starters })),
);

const figures = (agent: AgentInfo) => fleet.samples(agent.id).at(-1) ?? agent.usage;

export function FleetPage() {
  const query = useSearch({ from: '/' });
  const navigate = useNavigate({ from: '/' });
  const loaded = useLoaded();
  const any = useOverview((agents) => agents.length > 0);
  return (
    <>
      <PageHead
        title="Fleet"
        actions={
          <Button
            kind="primary"
            icon={<Plus size={15} />}
            onClick={() => void navigate({ search: (old) => ({ ...old, deploy: 'goal' as const }) })}
          >
            Deploy
          </Button>
        }
      >
        <Totals />
      </PageHead>
      <Suspense>{!loaded ? <Loading /> : any ? <Agents query={query} /> : <FirstRun />}</Suspense>
    </>
  );
}

function FirstRun() {
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-4">
      <Starters
        title="Start your first agent"
        about="Each runs in a sandbox of its own, built from the kernel’s parts. None needs a key or a network."
      />
    </div>
  );
}

function Agents({ query }: { query: FleetQuery }) {
  const navigate = useNavigate({ from: '/' });
  const pick = useCallback((agents: readonly AgentInfo[]) => select(agents, query, figures), [query]);
  const ids = useIds(pick, query.sort === 'cpu' || query.sort === 'memory');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const anchor = useRef<string | null>(null);
  // What the filter hides is not selected, whatever was clicked before.
  const selected = useMemo(() => new Set(effective(chosen, ids)), [chosen, ids]);
  const shown = useRef(ids);
  useEffect(() => {
    shown.current = ids;
  }, [ids]);

  const onSelect = useCallback((id: string, range: boolean) => {
    setChosen((old) => toggle(old, shown.current, id, anchor.current, range));
    anchor.current = id;
  }, []);
  const clear = useCallback(() => setChosen(new Set()), []);
  useListKeys({ onToggle: onSelect, onEscape: clear });

  const view = query.view ?? 'grid';
  return (
    <>
      <div className="px-4 pb-3">
        <Filters query={query} view={view} />
      </div>
      {ids.length === 0 ? (
        <NothingShown query={query} onClear={() => void navigate({ search: {} })} />
      ) : view === 'list' ? (
        <Suspense fallback={<div className="skeleton mx-4 mb-4 flex-1" />}>
          <List
            ids={ids}
            query={query}
            selected={selected}
            onSelect={onSelect}
            onSelectAll={(all) => setChosen(new Set(all ? ids : []))}
          />
        </Suspense>
      ) : (
        <Grid ids={ids} selected={selected} onSelect={onSelect} />
      )}
      <Suspense>{selected.size > 0 && <SelectionBar ids={[...selected]} onClear={clear} />}</Suspense>
    </>
  );
}

/** No match and nothing running are two things. */
function NothingShown({ query, onClear }: { query: FleetQuery; onClear: () => void }) {
  const filtered =
    query.q !== undefined || query.show !== undefined || query.kind !== undefined || query.reduced === true;
  const recent = useOverview((agents) =>
    agents
      .filter((agent) => moodOf(agent) === 'done' || moodOf(agent) === 'failed')
      .toSorted((a, b) => b.number - a.number)
      .slice(0, 6)
      .map((agent) => agent.id),
  );
  if (filtered) {
    return (
      <Empty title="No agent matches" action={<Button onClick={onClear}>Show all live agents</Button>}>
        {query.q ? `Nothing shown here contains “${query.q}”.` : 'Choose another state or kind above.'}
      </Empty>
    );
  }
  return (
    <div className="min-h-0 flex-1 overflow-y-auto px-4 pb-6">
      <Starters title="Nothing runs now" about="Start one of these, or deploy your own." />
      {recent.length > 0 && (
        <section aria-labelledby="recent" className="mx-auto w-full max-w-5xl">
          <h2 id="recent" className="mb-3 text-16 font-semibold">
            Ended lately
          </h2>
          <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-3">
            {recent.map((id) => (
              <Tile key={id} id={id} selected={false} selecting={false} />
            ))}
          </div>
        </section>
      )}
    </div>
  );
}

/** As large as what comes, so that nothing jumps. */
function Loading() {
  const phase = useLink().phase;
  return (
    <div className="px-4" aria-busy="true">
      <p className="sr-only" role="status">
        {phase === 'waiting' ? 'The service does not answer yet' : 'Loading the fleet'}
      </p>
      <div className="skeleton mb-4 h-8 w-64" />
      <div className="grid grid-cols-[repeat(auto-fill,minmax(300px,1fr))] gap-3">
        {Array.from({ length: 6 }, (_, i) => (
          <div key={i} className="skeleton h-[270px]" />
        ))}
      </div>
    </div>
  );
}
