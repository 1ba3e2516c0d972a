import { useState, type FormEvent } from 'react';
import { refusalOf, type Refusal } from '@/api/http';
import { useOverview } from '@/api/live';
import { grant } from '@/api/network';
import { EMPTY_GRANT, grantOf } from '@/lib/secrets';
import { Button } from '@/ui/Button';
import { Choice } from '@/ui/Choice';
import { Dialog } from '@/ui/Dialog';
import { ErrorNotice } from '@/ui/Notice';
import { GrantFields } from './GrantFields';

interface Props {
  secret: string;
  onClose: (granted: boolean) => void;
}

/** Lends a secret to one agent for one host. */
export function GrantDialog({ secret, onClose }: Props) {
  const agents = useOverview((all) =>
    all
      .filter((agent) => agent.state !== 'dead')
      .toSorted((a, b) => b.number - a.number)
      .map((agent) => ({ id: agent.id, name: agent.name })),
  );
  const [draft, setDraft] = useState(EMPTY_GRANT);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ message: string; hint?: string } | Refusal | null>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    const checked = grantOf(draft);
    if (!checked.spec) {
      setError({ message: checked.error ?? '' });
      return;
    }
    setBusy(true);
    try {
      await grant(secret, checked.spec);
      onClose(true);
    } catch (cause) {
      setError(refusalOf(cause));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onClose={() => onClose(false)}
      title={`Grant ${secret}`}
      about="It is added to matching requests on their way out; inside there is a placeholder."
      footer={
        <>
          <Button onClick={() => onClose(false)}>Cancel</Button>
          <Button
            kind="primary"
            type="submit"
            form="grant"
            busy={busy}
            refused={agents.length === 0 ? 'No agent runs that could have it.' : null}
          >
            Grant
          </Button>
        </>
      }
    >
      <form id="grant" onSubmit={(event) => void submit(event)} noValidate className="flex flex-col gap-4">
        <Choice
          first
          label="Agent"
          value={draft.agent}
          onChange={(agent) => setDraft({ ...draft, agent })}
          options={[['', 'Choose an agent'], ...agents.map(({ id, name }): [string, string] => [id, name])]}
        />
        <GrantFields draft={draft} set={(part) => setDraft({ ...draft, ...part })} />
        {error && <ErrorNotice error={error} />}
      </form>
    </Dialog>
  );
}
