import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { Columns2, X } from 'lucide-react';
import { Suspense, lazy, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { agent as askAgent } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { fleet, useAgent, useAgentId, useLoaded } from '@/api/live';
import { PANES, PANE_LABELS, type Pane } from '@/app/panes';
import { recall, remember } from '@/lib/remember';
import { useShortcut } from '@/lib/shortcuts';
import { BudgetStrip } from '@/panels/agent/BudgetStrip';
import { AgentHeader } from '@/panels/agent/Header';
import { AgentApprovals } from '@/panels/approvals/AgentApprovals';
import { IconButton } from '@/ui/Button';
import { Empty, sentence } from '@/ui/Notice';

const Bodies: Record<Pane, React.ComponentType<{ agent: AgentInfo }>> = {
  terminal: lazy(() =>
    import('@/panels/agent/TerminalPane').then((module) => ({ default: module.TerminalPane })),
  ),
  timeline: lazy(() =>
    import('@/panels/agent/TimelinePane').then((module) => ({ default: module.TimelinePane })),
  ),
  mind: lazy(() => import('@/panels/agent/MindPane').then((module) => ({ default: module.MindPane }))),
  files: lazy(() => import('@/panels/agent/FilesPane').then((module) => ({ default: module.FilesPane }))),
  network: lazy(() =>
    import('@/panels/agent/NetworkPane').then((module) => ({ default: module.NetworkPane })),
  ),
  resources: lazy(() =>
    import('@/panels/agent/ResourcesPane').then((module) => ({ default: module.ResourcesPane })),
  ),
  isolation: lazy(() =>
    import('@/panels/agent/IsolationPane').then((module) => ({ default: module.IsolationPane })),
  ),
  events: lazy(() => import('@/panels/agent/EventsPane').then((module) => ({ default: module.EventsPane }))),
};

export function AgentPage() {
  const { ref } = useParams({ from: '/agents/$ref' });
  const known = useAgentId(ref);
  const loaded = useLoaded();
  // A link may come before the list, or name an agent the list does not have: the service decides.
  const asked = useQuery({
    queryKey: ['agent', ref],
    queryFn: async ({ signal }) => {
      const agent = await askAgent(ref, signal);
      fleet.put(agent);
      return agent.id;
    },
    enabled: known === undefined,
  });
  const id = known ?? asked.data;
  if (id !== undefined) return <Known id={id} />;
  if (asked.isError && refusalOf(asked.error).code === 'NOT_FOUND') return <Unknown name={ref} />;
  if (asked.isError && loaded) {
    const error = refusalOf(asked.error);
    return (
      <Empty page title={sentence(error.message)}>
        {error.hint && sentence(error.hint)}
      </Empty>
    );
  }
  return <Loading />;
}

function Unknown({ name }: { name: string }) {
  return (
    <Empty
      page
      title={`There is no agent “${name}”`}
      action={
        <Link to="/" className="text-13 font-medium text-accent underline underline-offset-2">
          Open the fleet
        </Link>
      }
    >
      It may have been removed, or the link names more than one.
    </Empty>
  );
}

function Loading() {
  return (
    <div aria-busy="true" className="p-4">
      <p className="sr-only" role="status">
        Loading the agent
      </p>
      <div className="skeleton h-8 w-72" />
      <div className="skeleton mt-3 h-5 w-96 max-w-full" />
      <div className="skeleton mt-6 h-[60vh]" />
    </div>
  );
}

function Known({ id }: { id: string }) {
  const agent = useAgent(id);
  const search = useSearch({ from: '/agents/$ref' });
  const navigate = useNavigate({ from: '/agents/$ref' });
  const [gone, setGone] = useState(false);
  useEffect(() => {
    fleet.watch(id);
    return () => fleet.unwatch(id);
  }, [id]);

  const usual: Pane = agent?.spec.program.type === 'goal' ? 'timeline' : 'terminal';
  // A program of somebody's has no mind of ours.
  const panes = PANES.filter((each) => each !== 'mind' || agent?.spec.program.type === 'goal');
  const pane = search.pane !== undefined && panes.includes(search.pane) ? search.pane : usual;
  const side = search.side !== pane && panes.some((each) => each === search.side) ? search.side : undefined;
  const show = (next: Pane) =>
    void navigate({ search: (old) => ({ ...old, pane: next === usual ? undefined : next }), replace: true });
  const split = (next: Pane | undefined) => {
    remember('side', next ?? '');
    void navigate({ search: (old) => ({ ...old, side: next }), replace: true });
  };
  const otherPane = (): Pane => {
    const last = panes.find((each) => each === recall('side'));
    if (last && last !== pane) return last;
    return pane === 'terminal' ? 'timeline' : 'terminal';
  };

  if (!agent) return gone ? null : <Unknown name={id} />;
  return (
    <>
      <AgentHeader
        agent={agent}
        onRemoved={() => {
          setGone(true);
          void navigate({ to: '/history' });
        }}
      />
      <AgentApprovals id={agent.id} />
      <BudgetStrip agent={agent} />
      <div className="flex min-h-0 flex-1">
        <section className="flex min-h-0 min-w-0 flex-1 flex-col" aria-label="Pane">
          <div className="flex items-center border-b border-line pr-2">
            <Tabs panes={panes} pane={pane} onShow={show} />
            <span className="hidden xl:block">
              <IconButton
                label={side ? 'Close the second pane' : 'Show two panes'}
                aria-pressed={side !== undefined}
                onClick={() => split(side ? undefined : otherPane())}
              >
                <Columns2 size={16} />
              </IconButton>
            </span>
          </div>
          <Body agent={agent} pane={pane} labelled />
        </section>
        {side && (
          <section
            className="hidden min-h-0 w-[44%] min-w-0 flex-col border-l border-line xl:flex"
            aria-label="Second pane"
          >
            <div className="flex h-10 items-center gap-2 border-b border-line px-3">
              <select
                aria-label="Second pane shows"
                value={side}
                onChange={(event) => split(event.target.value as Pane)}
                className="h-7 rounded-sm border border-line bg-surface px-2 text-13"
              >
                {panes
                  .filter((each) => each !== pane)
                  .map((each) => (
                    <option key={each} value={each}>
                      {PANE_LABELS[each]}
                    </option>
                  ))}
              </select>
              <span className="flex-1" />
              <IconButton label="Close the second pane" onClick={() => split(undefined)}>
                <X size={16} />
              </IconButton>
            </div>
            <Body agent={agent} pane={side} />
          </section>
        )}
      </div>
    </>
  );
}

function Body({ agent, pane, labelled }: { agent: AgentInfo; pane: Pane; labelled?: boolean }) {
  const Pane = Bodies[pane];
  return (
    <div
      className="flex min-h-0 flex-1 flex-col"
      {...(labelled ? { role: 'tabpanel', id: 'pane', 'aria-labelledby': `tab-${pane}` } : {})}
    >
      <Suspense
        fallback={
          <div className="p-4">
            <div className="skeleton h-40" />
          </div>
        }
      >
        <Pane key={agent.id} agent={agent} />
      </Suspense>
    </div>
  );
}

/** Panes as tabs: arrows move, as the pattern for tabs has it, and digits jump. */
function Tabs({ panes, pane, onShow }: { panes: readonly Pane[]; pane: Pane; onShow: (pane: Pane) => void }) {
  const list = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = panes[(panes.indexOf(pane) + by + panes.length) % panes.length]!;
    onShow(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div
      ref={list}
      role="tablist"
      aria-label="Panes"
      tabIndex={-1}
      onKeyDown={onKey}
      className="flex min-w-0 flex-1 overflow-x-auto px-2"
    >
      {panes.map((each, i) => (
        <Tab key={each} pane={each} index={i + 1} on={each === pane} onShow={onShow} />
      ))}
    </div>
  );
}

function Tab({
  pane,
  index,
  on,
  onShow,
}: {
  pane: Pane;
  index: number;
  on: boolean;
  onShow: (pane: Pane) => void;
}) {
  useShortcut(String(index), PANE_LABELS[pane], 'Agent', () => onShow(pane));
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${pane}`}
      aria-selected={on}
      aria-controls="pane"
      tabIndex={on ? 0 : -1}
      onClick={() => onShow(pane)}
      className={`h-10 shrink-0 border-b-2 px-3 text-13 transition-colors duration-100 focus-visible:-outline-offset-2 ${on ? 'border-accent font-medium text-text' : 'border-transparent text-muted hover:text-text'}`}
    >
      {PANE_LABELS[pane]}
    </button>
  );
}
