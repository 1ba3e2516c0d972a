import { CircleAlert } from 'lucide-react';
import type { ReactNode } from 'react';

interface Words {
  message: string;
  hint?: string;
}

/** A refusal beside its cause: what happened and what to do next. */
export function ErrorNotice({ error, action }: { error: Words; action?: ReactNode }) {
  return (
    <div
      role="alert"
      className="flex items-start gap-2.5 rounded-sm border border-failed/40 bg-failed-soft px-3 py-2.5 text-13"
    >
      <CircleAlert size={16} className="mt-0.5 shrink-0 text-failed" aria-hidden="true" />
      <div className="min-w-0 flex-1">
        <p className="font-medium break-words">{sentence(error.message)}</p>
        {error.hint && <p className="break-words">{sentence(error.hint)}</p>}
      </div>
      {action}
    </div>
  );
}

/** Errors come as they stand in a log line; on a page they start with a capital and end with a stop. */
export function sentence(text: string): string {
  // An address stays as it is, and so does a command.
  const first = /^(\w+:\/\/|aether )/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?:]$/.test(first) ? first : `${first}.`;
}

interface EmptyProps {
  title: string;
  /** It is all there is on the page. */
  page?: boolean;
  children?: ReactNode;
  action?: ReactNode;
}

/** Nothing here, and why. */
export function Empty({ title, page, children, action }: EmptyProps) {
  const Title = page ? 'h1' : 'p';
  return (
    <div className="flex flex-col items-center justify-center gap-1 px-6 py-14 text-center">
      <Title className="text-14 font-medium">{title}</Title>
      {children && <div className="max-w-md text-13 text-muted">{children}</div>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}
