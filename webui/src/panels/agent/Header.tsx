import { Link, useNavigate } from '@tanstack/react-router';
import {
  ArrowLeft,
  MoreHorizontal,
  Pause,
  Play,
  Skull,
  SkipForward,
  SlidersHorizontal,
  Square,
  Terminal,
  Trash2,
  Undo2,
} from 'lucide-react';
import { useEffect, useState } from 'react';
import { steer } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useAgent } from '@/api/live';
import { useSteering } from '@/api/steering';
import { runCommand } from '@/lib/cli';
import { moodOf, purposeOf, roleOf, wordOf } from '@/lib/mood';
import { refusal, type BulkAction } from '@/lib/selection';
import { useShortcut } from '@/lib/shortcuts';
import { Button, IconButton } from '@/ui/Button';
import { Copy } from '@/ui/Copy';
import { State } from '@/ui/Mark';
import { Menu } from '@/ui/Menu';
import { toast } from '@/ui/toast';
import { Ago, Lasting } from '@/ui/When';
import { Isolation } from '../fleet/Tile';
import { ConfirmDialog } from '../ConfirmDialog';
import { SteerDialog } from './SteerDialog';

interface Props {
  agent: AgentInfo;
  onRemoved: () => void;
}

/** Who this is, how it is, and what one can do with it. */
export function AgentHeader({ agent, onRemoved }: Props) {
  const [asked, setAsked] = useState<BulkAction | null>(null);
  const [steering, setSteering] = useState(false);
  const { busy, run } = useSteering();
  useEffect(() => {
    document.title = `${agent.name} · Aether`;
  }, [agent.name]);
  const paused = agent.state === 'paused';
  const ended = agent.state === 'dead';
  useShortcut('p', paused ? 'Resume' : 'Pause', 'Agent', () => {
    const action = paused ? 'resume' : 'pause';
    if (refusal(action, agent) === null) void run(action, agent);
  });

  return (
    <header className="border-b border-line px-4 pt-3 pb-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <Link
          to={ended ? '/history' : '/'}
          aria-label={ended ? 'Back to History' : 'Back to Fleet'}
          className="inline-flex size-8 items-center justify-center rounded-sm text-muted hover:bg-raised hover:text-text"
        >
          <ArrowLeft size={16} aria-hidden="true" />
        </Link>
        <h1 className="min-w-0 truncate text-20 font-semibold">{agent.name}</h1>
        <span role="status" className="contents">
          <State mood={moodOf(agent)} word={wordOf(agent)} />
        </span>
        <span className="flex-1" />
        <div role="toolbar" aria-label="Controls" className="flex flex-wrap items-center gap-1.5">
          {agent.heldBy && !paused && !ended && (
            <Button
              icon={<Undo2 size={14} />}
              busy={busy === 'resume'}
              title="Its loop waits while somebody types in its terminal"
              onClick={() => void run('resume', agent)}
            >
              Hand back
            </Button>
          )}
          {paused ? (
            <Button
              icon={<Play size={14} />}
              busy={busy === 'resume'}
              refused={refusal('resume', agent)}
              onClick={() => void run('resume', agent)}
            >
              Resume
            </Button>
          ) : (
            <Button
              icon={<Pause size={14} />}
              busy={busy === 'pause'}
              refused={refusal('pause', agent)}
              onClick={() => void run('pause', agent)}
            >
              Pause
            </Button>
          )}
          {ended ? (
            <Button icon={<Trash2 size={14} />} onClick={() => setAsked('remove')}>
              Remove
            </Button>
          ) : (
            <>
              <Button
                icon={<Square size={14} />}
                busy={busy === 'stop'}
                refused={refusal('stop', agent)}
                onClick={() => void run('stop', agent)}
              >
                Stop
              </Button>
              <Button
                icon={<Skull size={14} />}
                refused={refusal('kill', agent)}
                onClick={() => setAsked('kill')}
                className="text-failed"
              >
                Kill
              </Button>
            </>
          )}
          <More agent={agent} onSteer={() => setSteering(true)} onRemove={() => setAsked('remove')} />
        </div>
      </div>
      <Facts agent={agent} />
      {steering && <SteerDialog agent={agent} onClose={() => setSteering(false)} />}
      {asked && (
        <ConfirmDialog
          action={asked}
          agents={[agent]}
          onClose={(done) => {
            setAsked(null);
            if (done && asked === 'remove') onRemoved();
          }}
        />
      )}
    </header>
  );
}

function Facts({ agent }: { agent: AgentInfo }) {
  const goal = agent.spec.program.type === 'goal';
  return (
    <div className="mt-1.5 flex flex-wrap items-center gap-x-4 gap-y-1 text-13 text-muted sm:pl-11">
      <span
        className="min-w-0 basis-full truncate text-text sm:basis-auto sm:max-w-[60ch]"
        title={purposeOf(agent)}
      >
        <span className="text-muted">{roleOf(agent)}: </span>
        <span className={goal ? '' : 'font-mono text-12'}>{purposeOf(agent)}</span>
      </span>
      {goal && (
        <span>
          Step <span className="figures text-text">{agent.step}</span>
          {agent.maxSteps !== null && <span className="figures"> / {agent.maxSteps}</span>}
        </span>
      )}
      {agent.model && <span>{agent.model}</span>}
      {agent.parent && <Parent id={agent.parent} />}
      {agent.startedAt ? (
        <span>
          {agent.endedAt ? 'Ran ' : 'Up '}
          <span className="text-text">
            <Lasting from={agent.startedAt} to={agent.endedAt} />
          </span>
          {agent.endedAt && (
            <>
              , ended <Ago at={agent.endedAt} />
            </>
          )}
        </span>
      ) : (
        <span>
          Asked for <Ago at={agent.createdAt} />
        </span>
      )}
      <span className="inline-flex items-center gap-0.5">
        <code className="font-mono text-12">{agent.id}</code>
        <Copy text={agent.id} label="Copy id" />
      </span>
      <Isolation agent={agent} />
      {agent.exit?.reason && <span className="text-text">{agent.exit.reason}</span>}
    </div>
  );
}

function Parent({ id }: { id: string }) {
  const parent = useAgent(id);
  return (
    <span>
      Started by{' '}
      <Link
        to="/agents/$ref"
        params={{ ref: id }}
        className="text-text underline decoration-line-strong underline-offset-2 hover:decoration-current"
      >
        {parent?.name ?? id}
      </Link>
    </span>
  );
}

const copy = (text: string) => void navigator.clipboard.writeText(text).then(() => toast('done', 'Copied'));

interface MoreProps {
  agent: AgentInfo;
  onSteer: () => void;
  onRemove: () => void;
}

function More({ agent, onSteer, onRemove }: MoreProps) {
  const navigate = useNavigate();
  const goOn = () =>
    void steer(agent.id, 'continue').then(
      () => toast('done', `${agent.name} may take 25 more steps`),
      (cause) => {
        const { message, hint } = refusalOf(cause);
        toast('failed', message, hint);
      },
    );
  const ended = agent.state === 'dead' ? 'It has ended.' : null;
  const takeOver = () =>
    void navigate({ to: '/agents/$ref', params: { ref: agent.id }, search: { pane: 'terminal' } });
  const goal = agent.spec.program.type === 'goal';
  return (
    <Menu
      trigger={
        <IconButton label="More">
          <MoreHorizontal size={16} />
        </IconButton>
      }
      items={[
        {
          label: 'Copy as command',
          icon: <Terminal size={15} />,
          onSelect: () => copy(runCommand(agent.spec)),
        },
        {
          label: 'Copy “attach” command',
          icon: <Terminal size={15} />,
          onSelect: () => copy(`aether attach ${agent.name}`),
        },
        ...(goal
          ? [
              {
                label: 'Change model and tools',
                icon: <SlidersHorizontal size={15} />,
                refused: ended,
                onSelect: onSteer,
              },
              {
                label: 'Allow 25 more steps',
                icon: <SkipForward size={15} />,
                refused: ended,
                onSelect: goOn,
              },
              {
                label: 'Take over in a terminal',
                icon: <Terminal size={15} />,
                refused: ended,
                onSelect: takeOver,
              },
            ]
          : []),
        {
          label: 'Remove',
          icon: <Trash2 size={15} />,
          danger: true,
          refused: refusal('remove', agent),
          onSelect: onRemove,
        },
      ]}
    />
  );
}
