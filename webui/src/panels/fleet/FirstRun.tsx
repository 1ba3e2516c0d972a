import { useNavigate } from '@tanstack/react-router';
import { FileText, FolderSearch, SquareTerminal, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { deploy } from '@/api/agents';
import type { AgentSpec } from '@/api/generated';
import { refusalOf, type Refusal } from '@/api/http';
import { fleet } from '@/api/live';
import { runCommand } from '@/lib/cli';
import { Button } from '@/ui/Button';
import { CommandLine } from '@/ui/Copy';
import { ErrorNotice } from '@/ui/Notice';

interface Starter {
  title: string;
  about: string;
  icon: LucideIcon;
  spec: AgentSpec;
}

/** Three agents that run on any host: without a key, a network or an image. */
const STARTERS: Starter[] = [
  {
    title: 'Inspect this machine',
    about: 'Looks at processor, memory, disks and tools, and leaves a report in its home.',
    icon: FileText,
    spec: { program: { type: 'goal', goal: 'Inspect this machine and write a report', role: 'Inspector' } },
  },
  {
    title: 'A shell of your own',
    about: 'A terminal in a sandbox with its own user, processes and home. Break what you like.',
    icon: SquareTerminal,
    spec: { program: { type: 'command', argv: ['bash', '--login'], tty: true, stdin: true } },
  },
  {
    title: 'Summarise a folder',
    about: 'Reads what lies in ~/Projects and writes down what is there.',
    icon: FolderSearch,
    spec: { program: { type: 'goal', goal: 'Summarise the files in ~/Projects', role: 'Reader' } },
  },
];

/** The first thing people see: something to start, not an empty page. */
export function Starters({ title, about }: { title: string; about: string }) {
  const navigate = useNavigate();
  const [busy, setBusy] = useState<string | null>(null);
  const [error, setError] = useState<Refusal | null>(null);
  const start = async (starter: Starter) => {
    setBusy(starter.title);
    setError(null);
    try {
      const agent = await deploy(starter.spec);
      fleet.put(agent);
      await navigate({ to: '/agents/$ref', params: { ref: agent.id } });
    } catch (cause) {
      setError(refusalOf(cause));
      setBusy(null);
    }
  };
  return (
    <section aria-labelledby="starters" className="mx-auto w-full max-w-5xl py-8">
      <h2 id="starters" className="text-20 font-semibold">
        {title}
      </h2>
      <p className="mt-1 mb-5 text-13 text-muted">{about}</p>
      {error && (
        <div className="mb-4">
          <ErrorNotice error={error} />
        </div>
      )}
      <div className="grid gap-3 md:grid-cols-3">
        {STARTERS.map((starter) => (
          <article key={starter.title} className="flex flex-col rounded-lg border border-line bg-surface p-4">
            <starter.icon size={20} className="text-accent" aria-hidden="true" />
            <h3 className="mt-3 text-14 font-semibold">{starter.title}</h3>
            <p className="mt-1 mb-4 flex-1 text-13 text-muted">{starter.about}</p>
            <CommandLine text={runCommand(starter.spec)} label={`Copy the command for: ${starter.title}`} />
            <Button
              className="mt-3"
              kind={starter === STARTERS[0] ? 'primary' : 'plain'}
              busy={busy === starter.title}
              refused={busy !== null && busy !== starter.title ? 'Another one is being deployed.' : null}
              onClick={() => void start(starter)}
              aria-label={`Deploy: ${starter.title}`}
            >
              {busy === starter.title ? 'Deploying' : 'Deploy'}
            </Button>
          </article>
        ))}
      </div>
    </section>
  );
}
