import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { terminals } from '@/api/agents';
import type { AgentInfo, TtyInfo } from '@/api/generated';
import { refusalOf, type Refusal } from '@/api/http';
import { kernel, useChanges } from '@/api/live';
import { useAgain } from '@/lib/again';
import { Button, IconButton } from '@/ui/Button';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { LogView } from './LogView';
import { TerminalView } from './TerminalView';

/** The main program and any number of terminals; which one is shown is in the URL. */
export function TerminalPane({ agent }: { agent: AgentInfo }) {
  const { tty } = useSearch({ from: '/agents/$ref' });
  const navigate = useNavigate({ from: '/agents/$ref' });
  const changes = useChanges('ttys', agent.id);
  const ended = agent.state === 'dead';
  const open = useQuery({
    queryKey: ['terminals', agent.id],
    queryFn: ({ signal }) => terminals(agent.id, signal),
    enabled: !ended && agent.state !== 'queued',
  });
  const { refetch } = open;
  useAgain(changes, open);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Refusal | null>(null);

  const program = agent.spec.program;
  const hasMain = program.type === 'command';
  const main = open.data?.find((each) => each.title === 'main');
  const ttys = (open.data ?? []).filter((each) => !each.closed && !isMain(each, agent) && each !== main);
  const shown = ttys.find((each) => each.ttyId === tty) ?? (hasMain ? null : ttys[0]);
  const show = (id: string | undefined) =>
    void navigate({ search: (old) => ({ ...old, tty: id }), replace: true });

  const openOne = async () => {
    setBusy(true);
    setError(null);
    try {
      const made = await kernel.request<TtyInfo>({
        type: 'tty.open',
        pid: agent.id,
        cols: null,
        rows: null,
        argv: [],
        env: {},
      });
      // Its bytes come exactly over a channel of their own, not also as text over this connection.
      void kernel.request({ type: 'tty.detach', ttyId: made.ttyId }).catch(() => undefined);
      await refetch();
      show(made.ttyId);
    } catch (cause) {
      setError(refusalOf(cause));
    } finally {
      setBusy(false);
    }
  };
  const close = (id: string) => {
    void kernel.request({ type: 'tty.close', ttyId: id }).catch((cause) => setError(refusalOf(cause)));
    if (id === shown?.ttyId) show(undefined);
  };

  const refused = ended
    ? 'It has ended.'
    : agent.state === 'queued'
      ? 'It has not started yet.'
      : agent.state === 'paused'
        ? 'It is paused. Resume it first.'
        : null;
  return (
    <>
      <div
        className="flex h-10 items-center gap-1 overflow-x-auto border-b border-line px-3"
        role="group"
        aria-label="Terminals"
      >
        {hasMain && (
          <TerminalTab title={ended ? 'Output' : 'Main program'} on={!shown} onShow={() => show(undefined)} />
        )}
        {ttys.map((each, i) => (
          <TerminalTab
            key={each.ttyId}
            title={`${each.title || 'shell'} ${i + 1}`}
            on={shown?.ttyId === each.ttyId}
            onShow={() => show(each.ttyId)}
            onClose={() => close(each.ttyId)}
          />
        ))}
        <Button
          kind="quiet"
          icon={<Plus size={14} />}
          busy={busy}
          refused={refused}
          onClick={() => void openOne()}
          className="h-7"
        >
          New terminal
        </Button>
        {!hasMain && !ended && ttys.length > 0 && (
          <span className="ml-2 hidden shrink-0 text-12 text-muted sm:inline">
            Close a terminal to hand back: the agent is told what it showed last.
          </span>
        )}
      </div>
      {error && (
        <div className="p-3">
          <ErrorNotice error={error} />
        </div>
      )}
      {shown ? (
        <TerminalView
          key={shown.ttyId}
          channel={shown.ttyId}
          label={`Terminal ${shown.title}`}
          stdin
          tty
          onEnded={() => void refetch()}
        />
      ) : hasMain ? (
        <Main agent={agent} />
      ) : (
        <Empty
          title={ended ? 'It has ended' : 'No terminal is open'}
          action={
            !ended && (
              <Button icon={<Plus size={14} />} busy={busy} refused={refused} onClick={() => void openOne()}>
                New terminal
              </Button>
            )
          }
        >
          {ended
            ? 'What it did is in the timeline, what it made is in its files.'
            : 'Take over: open a shell with the agent’s user and files. When you close it, the agent is told what it showed last and goes on.'}
        </Empty>
      )}
    </>
  );
}

/** The main program's own terminal is not listed twice. */
function isMain(tty: TtyInfo, agent: AgentInfo): boolean {
  return agent.spec.program.type === 'command' && tty.ttyId === `${agent.id}.1`;
}

function Main({ agent }: { agent: AgentInfo }) {
  const program = agent.spec.program;
  if (program.type !== 'command') return null;
  if (agent.state === 'dead') return <LogView agent={agent} />;
  if (agent.state === 'queued')
    return <Empty title="It waits for a free place">Its program starts by itself when one is free.</Empty>;
  if (agent.state === 'created')
    return <Empty title="Its sandbox is being built">Its program starts next.</Empty>;
  return (
    <TerminalView
      key={agent.id}
      channel={agent.id}
      label={`Main program of ${agent.name}`}
      stdin={program.tty === true || program.stdin === true}
      tty={program.tty === true}
    />
  );
}

interface TabProps {
  title: string;
  on: boolean;
  onShow: () => void;
  onClose?: () => void;
}

function TerminalTab({ title, on, onShow, onClose }: TabProps) {
  return (
    <span
      className={`inline-flex h-7 shrink-0 items-center rounded-sm border ${on ? 'border-line-strong bg-raised' : 'border-transparent'}`}
    >
      <button
        type="button"
        aria-pressed={on}
        onClick={onShow}
        className={`h-full rounded-sm px-2.5 text-13 ${on ? 'text-text' : 'text-muted hover:text-text'}`}
      >
        {title}
      </button>
      {onClose && (
        <IconButton label={`Close ${title}`} onClick={onClose} className="size-6">
          <X size={13} />
        </IconButton>
      )}
    </span>
  );
}
