import { useApprovals } from '@/api/live';
import { ApprovalCard } from './ApprovalCard';

/** What this agent waits for, above its panes. */
export function AgentApprovals({ id }: { id: string }) {
  const all = useApprovals().filter((each) => each.agentId === id);
  return (
    <div role="status" data-list="">
      {all.length > 0 && (
        <ul aria-label="Waits for your answer" className="max-h-[34vh] sm:max-h-[40vh] overflow-y-auto">
          {all.map((each) => (
            <li
              key={each.id}
              className="@container border-b border-line border-l-2 border-l-waiting bg-surface px-4 py-2.5"
            >
              <ApprovalCard approval={each} nameless row />
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
