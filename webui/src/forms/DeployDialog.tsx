import { useNavigate } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { deploy } from '@/api/agents';
import { refusalOf, type Refusal } from '@/api/http';
import { fleet } from '@/api/live';
import { runCommand } from '@/lib/cli';
import { Button } from '@/ui/Button';
import { CommandLine } from '@/ui/Copy';
import { Dialog } from '@/ui/Dialog';
import { CheckField, TextArea, TextField } from '@/ui/Field';
import { ErrorNotice, sentence } from '@/ui/Notice';
import { PROFILES } from '@/lib/profiles';
import { Doors } from './Doors';
import { EMPTY, check, fieldOf, type Draft, type FieldName, type PartProps, type SetField } from './draft';
import { Fold } from './Fold';
import { BudgetPart, GoalPart, MemoryPart, ToolsPart } from './GoalParts';
import { ModelsPart, NetworkPart, SecretsPart } from './Outside';
import { ProfileChoice } from './ProfileChoice';

interface Props {
  door: 'program' | 'goal';
  /** Begins with this template, and this goal. */
  template?: string;
  goal?: string;
}

/** Two doors: give a goal, or run a program. Everything else has a default and stays folded. */
export function DeployDialog({ door, template = '', goal = '' }: Props) {
  const navigate = useNavigate();
  const [typed, setTyped] = useState<Draft>({ ...EMPTY, template, goal });
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);
  const draft = { ...typed, door };
  const { spec, errors, budgetErrors, shellSigns } = check(draft);

  const close = () =>
    void navigate({
      to: '.',
      search: (old) => ({ ...old, deploy: undefined, template: undefined, goal: undefined }),
    });
  const set: SetField = (key, value) => {
    setTyped((old) => ({ ...old, [key]: value }));
    // A rule that was just added is not wrong yet.
    if (key !== 'rules') setTouched((old) => new Set(old).add(key));
    setRefused(null);
  };
  const refusedField = refused && refused.code !== 'UNREACHABLE' ? fieldOf(refused.message) : null;
  const errorOf = (field: FieldName) => {
    if (refused && refusedField === field)
      return [refused.message, refused.hint].filter(Boolean).map(sentence).join(' ');
    return touched.has(field) ? (errors[field] ?? null) : null;
  };

  const part = { draft, set, errorOf, budgetErrors };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTouched(new Set(Object.keys(errors).concat([...touched])));
    if (!spec || busy) return;
    setBusy(true);
    setRefused(null);
    try {
      const agent = await deploy(spec);
      fleet.put(agent);
      await navigate({ to: '/agents/$ref', params: { ref: agent.id }, search: {} });
    } catch (cause) {
      setRefused(refusalOf(cause));
      setBusy(false);
    }
  };

  return (
    <Dialog
      open
      onClose={close}
      wide
      title="Deploy an agent"
      about="It runs in a sandbox of its own, without network unless you give it one."
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button kind="primary" type="submit" form="deploy" busy={busy}>
            {busy ? 'Deploying' : 'Deploy'}
          </Button>
        </>
      }
    >
      <Doors door={door} />
      <form id="deploy" onSubmit={submit} noValidate className="mt-4 flex flex-col gap-4">
        {door === 'goal' ? <GoalPart {...part} /> : <ProgramPart {...part} shellSigns={shellSigns} />}
        <div className="divide-y divide-line rounded-sm border border-line">
          <NameAndLife {...part} />
          {door === 'goal' && <ToolsPart {...part} />}
          {door === 'goal' && <MemoryPart {...part} />}
          <BudgetPart {...part} />
          <NetworkPart {...part} />
          <ModelsPart {...part} />
          <SecretsPart {...part} />
          <Limits {...part} />
          <Fold title="Isolation" now={PROFILES[draft.profile].now} invalid={false}>
            <ProfileChoice profile={draft.profile} onChoose={(profile) => set('profile', profile)} />
          </Fold>
          <Surroundings {...part} />
        </div>
        {refused && refusedField === null && <ErrorNotice error={refused} />}
        <div>
          <p className="mb-1 text-12 text-muted">The same from a terminal</p>
          {spec ? (
            <CommandLine text={runCommand(spec)} />
          ) : (
            <p className="rounded-sm border border-line px-3 py-1.5 text-12 text-muted">
              It shows here once the fields above are complete.
            </p>
          )}
        </div>
      </form>
    </Dialog>
  );
}

function ProgramPart({ draft, set, errorOf, shellSigns }: PartProps & { shellSigns: string[] }) {
  return (
    <>
      <TextField
        label="Command"
        mono
        autoFocus
        value={draft.command}
        onChange={(event) => set('command', event.target.value)}
        error={errorOf('command')}
        placeholder="python3 -m unittest"
        hint={
          shellSigns.length > 0 ? (
            <>
              {shellSigns.join(' ')} reaches the program as plain text.{' '}
              <button
                type="button"
                className="font-medium text-accent underline underline-offset-2"
                onClick={() => set('shell', true)}
              >
                Run it through a shell
              </button>
            </>
          ) : (
            'The program is searched in the sandbox’s PATH.'
          )
        }
      />
      <div className="grid gap-3 sm:grid-cols-2">
        <CheckField
          label="In a terminal"
          hint="For shells and programs that draw."
          checked={draft.tty}
          onChange={(event) => set('tty', event.target.checked)}
        />
        <CheckField
          label="Through a shell"
          hint="For pipes, variables and &&."
          checked={draft.shell}
          onChange={(event) => set('shell', event.target.checked)}
        />
      </div>
    </>
  );
}

function NameAndLife({ draft, set, errorOf }: PartProps) {
  const now = [
    draft.name || 'named by itself',
    draft.ephemeral ? 'removed when it ends' : 'kept when it ends',
  ].join(', ');
  return (
    <Fold title="Name and life" now={now} invalid={errorOf('name') !== null}>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label="Name"
          mono
          value={draft.name}
          onChange={(event) => set('name', event.target.value)}
          error={errorOf('name')}
          placeholder="report-1"
        />
        <CheckField
          label="Remove when it ends"
          hint="Its home and history go with it."
          checked={draft.ephemeral}
          onChange={(event) => set('ephemeral', event.target.checked)}
        />
      </div>
    </Fold>
  );
}

function Limits({ draft, set, errorOf }: PartProps) {
  const asked = [
    draft.memory && `${draft.memory} memory`,
    draft.cpus && `${draft.cpus} CPUs`,
    draft.pids && `${draft.pids} processes`,
  ].filter(Boolean);
  const invalid = (['memory', 'cpus', 'pids'] as const).some((field) => errorOf(field) !== null);
  return (
    <Fold title="Resources" now={asked.join(', ') || 'the service’s defaults'} invalid={invalid}>
      <div className="grid gap-4 sm:grid-cols-3">
        <TextField
          label="Memory"
          mono
          value={draft.memory}
          onChange={(event) => set('memory', event.target.value)}
          error={errorOf('memory')}
          placeholder="512M"
        />
        <TextField
          label="CPUs"
          mono
          inputMode="decimal"
          value={draft.cpus}
          onChange={(event) => set('cpus', event.target.value)}
          error={errorOf('cpus')}
          placeholder="1.5"
        />
        <TextField
          label="Processes"
          mono
          inputMode="numeric"
          value={draft.pids}
          onChange={(event) => set('pids', event.target.value)}
          error={errorOf('pids')}
          placeholder="256"
        />
      </div>
    </Fold>
  );
}

function Surroundings({ draft, set, errorOf }: PartProps) {
  const names = draft.env.split('\n').filter((line) => line.includes('=')).length;
  const now = [draft.workdir || '/home/agent', names > 0 ? `${names} variables` : null]
    .filter(Boolean)
    .join(', ');
  return (
    <Fold
      title="Directory and environment"
      now={now}
      invalid={errorOf('workdir') !== null || errorOf('env') !== null}
    >
      <div className="flex flex-col gap-4">
        <TextField
          label="Start in"
          mono
          value={draft.workdir}
          onChange={(event) => set('workdir', event.target.value)}
          error={errorOf('workdir')}
          placeholder="/home/agent"
        />
        <TextArea
          label="Environment, one NAME=VALUE per line"
          mono
          rows={3}
          value={draft.env}
          onChange={(event) => set('env', event.target.value)}
          error={errorOf('env')}
        />
      </div>
    </Fold>
  );
}
