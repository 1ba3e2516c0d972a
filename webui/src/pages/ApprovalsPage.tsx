import type { Decision } from '@/api/generated';
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
            ? `${count(all.length, 'connection')} held. Nothing else of these agents is stopped.`
            : 'Agents that ask before they connect wait here for your answer.'}
        </p>
      </PageHead>
      {!loaded ? (
        <div className="px-4" aria-busy="true">
          <div className="skeleton h-20" />
        </div>
      ) : all.length === 0 ? (
        <Empty title="Nothing waits for you">
          Deploy an agent whose network asks, and each new destination is held here until you decide.
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

/** A key that answers the card that has the focus, and nothing when none has. */
function useAnswerKey(key: string, label: string, decision: Decision) {
  useShortcut(key, label, 'Approvals', () => {
    const card = document.activeElement?.closest<HTMLElement>('[data-row]');
    const known = approvals.all().some((each) => String(each.id) === card?.dataset.row);
    const button = known && card?.querySelectorAll('button')[ORDER.indexOf(decision)];
    if (button) button.click();
  });
}

const ORDER: readonly Decision[] = ['once', 'always', 'deny'];
