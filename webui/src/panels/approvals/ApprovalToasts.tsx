import { Link, useLocation } from '@tanstack/react-router';
import { X } from 'lucide-react';
import { useState } from 'react';
import { useAgentId, useApprovals } from '@/api/live';
import { IconButton } from '@/ui/Button';
import { ApprovalCard } from './ApprovalCard';

/** So many at once, and one on a phone; the page has the others. */
const SHOWN = 2;

/** What waits, over whatever page is open. It never takes the focus, and is not shown where the page shows it already. */
export function ApprovalToasts() {
  const all = useApprovals();
  const { pathname } = useLocation();
  const here = useAgentId(decodeURIComponent(/^\/agents\/([^/]+)/.exec(pathname)?.[1] ?? '') || '\0');
  const [dismissed, setDismissed] = useState<ReadonlySet<string>>(new Set());
  const waiting =
    pathname === '/approvals'
      ? []
      : all.filter((each) => each.agentId !== here && !dismissed.has(keyOf(each)));
  const shown = waiting.slice(0, SHOWN);
  // What somebody writes to an agent stands at the bottom of its page.
  const above = pathname.startsWith('/agents/') ? 'bottom-36 sm:bottom-20' : 'bottom-20 sm:bottom-4';
  return (
    <section
      aria-label="Waiting for your answer"
      aria-live="polite"
      className={`pointer-events-none fixed inset-x-3 z-30 flex flex-col items-end gap-2 sm:right-4 sm:left-auto sm:w-96 ${above}`}
    >
      {shown.map((each, i) => (
        <div
          key={keyOf(each)}
          className={`fade-in pointer-events-auto @container relative w-full rounded-lg border border-waiting bg-raised py-2.5 pr-9 pl-3 shadow-float ${i > 0 ? 'max-sm:hidden' : ''}`}
        >
          <ApprovalCard approval={each} />
          <IconButton
            label={`Hide: ${each.agent}`}
            className="absolute top-1 right-1"
            onClick={() => setDismissed((old) => new Set(old).add(keyOf(each)))}
          >
            <X size={15} />
          </IconButton>
        </div>
      ))}
      {waiting.length > SHOWN && (
        <Link
          to="/approvals"
          className="pointer-events-auto rounded-sm border border-line-strong bg-raised px-3 py-1.5 text-13 font-medium text-accent shadow-float"
        >
          {waiting.length - SHOWN} more wait
        </Link>
      )}
    </section>
  );
}

/** A number may come again after the service was started again. */
const keyOf = (each: { id: number; askedAt: string }) => `${each.id} ${each.askedAt}`;
