import { Link } from '@tanstack/react-router';
import { Shield, ShieldAlert, ShieldCheck } from 'lucide-react';
import { memo } from 'react';
import type { AgentInfo } from '@/api/generated';
import { useAgent, useSamples } from '@/api/live';
import { useScreen } from '@/api/screens';
import { bytes, cpus } from '@/lib/format';
import { PROFILES } from '@/lib/profiles';
import { moodOf, purposeOf, roleOf, wordOf } from '@/lib/mood';
import { State } from '@/ui/Mark';
import { Sparkline } from '@/ui/Sparkline';
import { Tip } from '@/ui/Tip';
import { Ago, Lasting } from '@/ui/When';
import { Miniature } from './Miniature';

interface Props {
  id: string;
  selected: boolean;
  selecting: boolean;
  /** Absent where agents cannot be selected. */
  onSelect?: (id: string, range: boolean) => void;
}

export const TILE_HEIGHT = 270;

/** One agent at a glance. It listens to its own agent only. */
export const Tile = memo(function Tile({ id, selected, selecting, onSelect }: Props) {
  const agent = useAgent(id);
  if (!agent) return null;
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  return (
    <article
      aria-label={agent.name}
      className={`group relative flex flex-col overflow-hidden rounded-lg contain-content border bg-surface transition-colors duration-100 ${selected ? 'border-accent' : 'border-line hover:border-line-strong'}`}
      style={{ height: TILE_HEIGHT }}
    >
      <header className="flex items-start gap-2 px-3 pt-2.5">
        <div className="min-w-0 flex-1">
          <h2 className="truncate text-14 font-semibold">
            <Link
              to="/agents/$ref"
              params={{ ref: id }}
              data-row={id}
              className="after:absolute after:inset-0 after:rounded-lg focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
            >
              {agent.name}
            </Link>
          </h2>
          <p className="truncate text-12 text-muted" title={purposeOf(agent)}>
            {roleOf(agent)} · {purposeOf(agent)}
          </p>
        </div>
        <State mood={moodOf(agent)} word={wordOf(agent)} />
      </header>
      <LiveScreen agent={agent} />
      <p className="truncate px-3 pt-2 text-13" title={agent.lastAction ?? undefined}>
        {agent.lastAction ?? <Otherwise agent={agent} live={live} />}
      </p>
      {onSelect && (
        <input
          type="checkbox"
          aria-label={`Select ${agent.name}`}
          checked={selected}
          onChange={() => undefined}
          onClick={(event) => onSelect(id, event.shiftKey)}
          className={`absolute top-[70px] right-5 z-10 size-4 accent-accent-solid transition-opacity duration-100 group-focus-within:opacity-100 group-hover:opacity-100 ${selected || selecting ? '' : 'sm:opacity-0'}`}
        />
      )}
      <footer className="mt-auto flex items-center gap-3 px-3 pt-1 pb-2.5 text-12 text-muted">
        {live ? <Figures id={id} agent={agent} /> : <Ending agent={agent} />}
        <span className="flex-1" />
        <Isolation agent={agent} />
      </footer>
    </article>
  );
});

/** What stands where no action is told, as with programs that somebody brings. */
function Otherwise({ agent, live }: { agent: AgentInfo; live: boolean }) {
  if (agent.state === 'queued') return <span className="text-muted">Starts when a place is free</span>;
  if (!live) return <span className="text-muted">{agent.exit?.reason ?? wordOf(agent)}</span>;
  if (!agent.startedAt) return <span className="text-muted">Its sandbox is being built</span>;
  return (
    <span className="text-muted">
      Up <Lasting from={agent.startedAt} />
    </span>
  );
}

function LiveScreen({ agent }: { agent: AgentInfo }) {
  const started = agent.state !== 'queued';
  const screen = useScreen(agent.id, started);
  return <Miniature screen={screen} waiting={started} className="mx-3 mt-2.5 h-[148px]" />;
}

function Figures({ id, agent }: { id: string; agent: AgentInfo }) {
  const samples = useSamples(id);
  const last = samples[samples.length - 1] ?? agent.usage;
  if (!last) return <span>No figures yet</span>;
  const recent = samples.slice(-40);
  return (
    <>
      <Spark label="CPU" figure={cpus(last.cpus)} values={recent.map((each) => each.cpus)} top={1} />
      <Spark
        label="Memory"
        figure={bytes(last.memoryBytes)}
        values={recent.map((each) => each.memoryBytes)}
        top={agent.usage?.memoryLimitBytes ? agent.usage.memoryLimitBytes / 8 : 0}
      />
    </>
  );
}

function Spark({
  label,
  figure,
  values,
  top,
}: {
  label: string;
  figure: string;
  values: number[];
  top: number;
}) {
  return (
    <span className="inline-flex items-center gap-1.5" title={`${label} over the last 80 seconds`}>
      <span className="sr-only">{label}</span>
      <Sparkline values={values} top={top} width={40} height={16} />
      <span className="figures">{figure}</span>
    </span>
  );
}

function Ending({ agent }: { agent: AgentInfo }) {
  if (agent.state === 'queued') {
    return (
      <span>
        Asked for <Ago at={agent.createdAt} />
      </span>
    );
  }
  return (
    <span>
      {agent.endedAt && <Ago at={agent.endedAt} />}
      {agent.endedAt && agent.startedAt && (
        <>
          {' '}
          · ran <Lasting from={agent.startedAt} to={agent.endedAt} />
        </>
      )}
    </span>
  );
}

/** Which isolation is in force: quiet when full, unmistakable when not. */
export function Isolation({ agent }: { agent: AgentInfo }) {
  const enforcement = agent.enforcement;
  if (!enforcement) return null;
  const profile = agent.spec.profile ?? 'standard';
  if (enforcement.mode === 'full' && profile !== 'standard') {
    return (
      <Tip text={`Profile ${profile}, every layer in force. ${PROFILES[profile].about}`}>
        <span className="relative z-10 inline-flex items-center gap-1 text-12 font-medium text-waiting">
          <Shield size={14} aria-hidden="true" />
          {PROFILES[profile].title}
        </span>
      </Tip>
    );
  }
  if (enforcement.mode === 'full') {
    return (
      <Tip text="Full isolation: every layer is in force.">
        <span className="relative z-10 inline-flex items-center gap-1 text-12 text-muted">
          <ShieldCheck size={14} aria-hidden="true" />
          Full
        </span>
      </Tip>
    );
  }
  const missing = Object.entries(enforcement.layers)
    .filter(([, layer]) => layer?.active === false)
    .map(([name]) => name);
  return (
    <Tip text={`Reduced isolation: without ${missing.join(', ')}.`}>
      <span className="relative z-10 inline-flex items-center gap-1 text-12 font-medium text-failed">
        <ShieldAlert size={14} aria-hidden="true" />
        Reduced
      </span>
    </Tip>
  );
}
