import type { Draft } from '@/api/drafts';
import { visible } from '@/lib/visible';

/** The thought as its model writes it; it becomes a row of the timeline once it is whole. */
export function DraftView({ draft }: { draft: Draft }) {
  return (
    <div aria-label="Being written" role="group" className="flex gap-3 px-4 py-1.5">
      <span className="hidden w-16 shrink-0 text-12 leading-5 text-muted sm:block">now</span>
      <span className="w-20 shrink-0 text-12 leading-5 font-medium text-thought">
        <span
          aria-hidden="true"
          className="writing mr-2 inline-block size-1.5 rounded-full bg-current align-middle"
        />
        Thinking
      </span>
      <div className="min-w-0 flex-1">
        {draft.text !== '' && (
          <p className="text-13 break-words whitespace-pre-wrap">{visible(draft.text)}</p>
        )}
        {draft.calls.length > 0 && (
          <p className="font-mono text-12 leading-5 text-action">{draft.calls.join(', ')} …</p>
        )}
        {draft.text === '' && draft.calls.length === 0 && (
          <p className="text-13 text-muted">The answer begins anew.</p>
        )}
      </div>
    </div>
  );
}
