import type { Approval, Decision } from '@/api/generated';
import { approvals, useApprovals, useLoaded } from '@/api/live';
import { count } from '@/lib/format';
import { useListKeys } from '@/lib/listKeys';
import { useShortcut } from '@/lib/shortcuts';
import { ApprovalCard } from '@/panels/approvals/ApprovalCard';
import { Empty } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';

/** Everything that waits for a person's word, oldest first. */
export function ApprovalsPage() {
  const all = useApprovals();
  const loaded = useLoaded();
  useListKeys({});
  useAnswerKey('o', 'Allow once', 'once');
  useAnswerKey('a', 'Always allow', 'always');
  useAnswerKey('d', 'Deny', 'deny');
  return (
    <>
      <PageHead title="Approvals">
        <p className="text-13 text-muted">
          {all.length > 0
            ? `${heldText(all)} held. Nothing else of these agents is stopped.`
            : 'Agents that ask before they act or connect wait here for your answer.'}
        </p>
      </PageHead>
      {!loaded ? (
        <div className="px-4" aria-busy="true">
          <div className="skeleton h-20" />
        </div>
      ) : all.length === 0 ? (
        <Empty title="Nothing waits for you">
          Deploy an agent whose network asks, or with a rule that asks, and each new destination and call is
          held here until you decide. <kbd className="font-mono text-12">J</kbd> and{' '}
          <kbd className="font-mono text-12">K</kbd> walk through what waits,{' '}
          <kbd className="font-mono text-12">O</kbd>, <kbd className="font-mono text-12">A</kbd> and{' '}
          <kbd className="font-mono text-12">D</kbd> answer.
        </Empty>
      ) : (
        <ul
          data-list=""
          aria-label="Waiting"
          className="mx-4 mb-4 min-h-0 divide-y divide-line overflow-y-auto rounded-lg border border-line bg-surface"
        >
          {all.map((each) => (
            <li key={each.id} className="@container px-4 py-3">
              <ApprovalCard approval={each} row />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** `2 connections, 1 call`. */
function heldText(all: readonly Approval[]): string {
  const of = (type: Approval['wish']['type']) => all.filter((each) => each.wish.type === type).length;
  return [
    of('connect') > 0 && count(of('connect'), 'connection'),
    of('call') > 0 && count(of('call'), 'call'),
    of('continue') > 0 && `${count(of('continue'), 'frozen agent')}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** A key that answers the card that has the focus, and nothing when none has. */
function useAnswerKey(key: string, label: string, decision: Decision) {
  useShortcut(key, label, 'Approvals', () => {
    const card = document.activeElement?.closest<HTMLElement>('[data-row]');
    const known = approvals.all().some((each) => String(each.id) === card?.dataset.row);
    const button = known && card?.querySelector<HTMLButtonElement>(`button[data-answer=${decision}]`);
    if (button) button.click();
  });
}
