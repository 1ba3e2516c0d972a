import { Check, CircleAlert, X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { IconButton } from './Button';
import { sentence } from './Notice';

interface Toast {
  id: number;
  tone: 'done' | 'failed';
  text: string;
  hint?: string;
}

let toasts: readonly Toast[] = [];
let nextId = 1;
const listeners = new Set<() => void>();

function set(next: readonly Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}
const dismiss = (id: number) => set(toasts.filter((each) => each.id !== id));

/** Says the outcome of something that has no place of its own on the page. Failures stay until dismissed. */
export function toast(tone: Toast['tone'], text: string, hint?: string) {
  const id = nextId++;
  set([...toasts.slice(-3), { id, tone, text, hint }]);
  if (tone === 'done') setTimeout(() => dismiss(id), 4000);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div
      role="status"
      className="pointer-events-none fixed inset-x-3 bottom-20 z-50 flex flex-col items-end gap-2 sm:right-4 sm:bottom-4 sm:left-auto"
    >
      {shown.map((each) => (
        <div
          key={each.id}
          className="fade-in pointer-events-auto flex w-full max-w-sm items-start gap-2.5 rounded-lg border border-line-strong bg-raised py-2 pr-1 pl-3 text-13 shadow-float"
        >
          {each.tone === 'done' ? (
            <Check size={16} className="mt-1.5 shrink-0 text-working" aria-hidden="true" />
          ) : (
            <CircleAlert size={16} className="mt-1.5 shrink-0 text-failed" aria-hidden="true" />
          )}
          <div className="min-w-0 flex-1 py-1 break-words">
            <p>{sentence(each.text)}</p>
            {each.hint && <p className="text-muted">{sentence(each.hint)}</p>}
          </div>
          <IconButton label="Dismiss" onClick={() => dismiss(each.id)}>
            <X size={15} />
          </IconButton>
        </div>
      ))}
    </div>
  );
}
