import { useState } from 'react';
import type { AgentBudget, AgentInfo } from '@/api/generated';
import { setBudget } from '@/api/minds';
import { BudgetFields } from '@/forms/BudgetFields';
import { KINDS, KIND_LABELS, amount, draftOf, readBudget, spentOf } from '@/lib/budget';
import { useSubmit } from '@/lib/submit';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { ErrorNotice } from '@/ui/Notice';
import { toast } from '@/ui/toast';

interface Props {
  agent: AgentInfo;
  budget: AgentBudget;
  onSet: (budget: AgentBudget) => void;
  onClose: () => void;
}

/** The limits of one agent, all at once. One that is frozen goes on when nothing is used up any more. */
export function BudgetDialog({ agent, budget, onSet, onClose }: Props) {
  const [draft, setDraft] = useState(() => draftOf(budget.budget));
  const [tried, setTried] = useState(false);
  const { budget: wanted, errors } = readBudget(draft);
  const { busy, refused, submit } = useSubmit(async () => {
    setTried(true);
    if (Object.keys(errors).length > 0) return;
    const after = await setBudget(agent.id, wanted);
    onSet(after);
    toast('done', after.frozen === null && budget.frozen !== null ? `${agent.name} goes on` : 'Limits set');
    onClose();
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Limits of ${agent.name}`}
      about="At four fifths you are warned; at the limit it is frozen, not ended. Empty means no limit."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form="budget" busy={busy}>
            Set limits
          </Button>
        </>
      }
    >
      <form id="budget" noValidate onSubmit={submit} className="flex flex-col gap-4">
        <BudgetFields
          first
          draft={draft}
          set={setDraft}
          errorOf={(kind) => (tried ? (errors[kind] ?? null) : null)}
          program={agent.spec.program.type === 'command'}
        />
        <p className="text-12 text-muted">
          Used so far:{' '}
          {KINDS.map(
            (kind) => `${KIND_LABELS[kind].toLowerCase()} ${amount(kind, spentOf(budget.spent, kind))}`,
          ).join(', ')}
          .
        </p>
        {refused && <ErrorNotice error={refused} />}
      </form>
    </Dialog>
  );
}
