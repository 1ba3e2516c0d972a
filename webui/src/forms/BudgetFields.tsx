import type { BudgetKind } from '@/api/generated';
import { KINDS, KIND_LABELS, exampleOf, type BudgetDraft } from '@/lib/budget';
import { TextField } from '@/ui/Field';

const UNITS: Record<BudgetKind, string> = {
  tokens: 'read and written',
  cost: 'US dollars',
  steps: 'of its loop',
  wall: 's, m, h or d',
  cpu: 's, m, h or d',
  bytesOut: 'sent by its connections',
};

interface Props {
  draft: BudgetDraft;
  set: (draft: BudgetDraft) => void;
  errorOf: (kind: BudgetKind) => string | null;
  /** Only what a program without a loop of ours can use up. */
  program?: boolean;
  /** They are the first fields of a dialog. */
  first?: boolean;
}

/** What may be used up in all, one field a kind; empty means no limit. */
export function BudgetFields({ draft, set, errorOf, program, first }: Props) {
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      {KINDS.filter((kind) => !program || kind !== 'steps').map((kind, i) => (
        <TextField
          key={kind}
          autoFocus={first && i === 0}
          label={KIND_LABELS[kind]}
          mono
          value={draft[kind]}
          onChange={(event) => set({ ...draft, [kind]: event.target.value })}
          error={errorOf(kind)}
          hint={UNITS[kind]}
          placeholder={exampleOf(kind)}
        />
      ))}
    </div>
  );
}
