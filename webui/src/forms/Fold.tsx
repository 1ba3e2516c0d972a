import type { ReactNode } from 'react';

/** One line that says what is chosen, and more behind it; open when something in it is wrong. */
export function Fold({
  title,
  now,
  invalid,
  children,
}: {
  title: string;
  now: string;
  invalid: boolean;
  children: ReactNode;
}) {
  return (
    <details className="group px-3" open={invalid || undefined}>
      <summary className="flex h-10 list-none items-center gap-3 text-13 [&::-webkit-details-marker]:hidden">
        <span
          aria-hidden="true"
          className="text-muted transition-transform duration-100 group-open:rotate-90"
        >
          ›
        </span>
        <span className="font-medium">{title}</span>
        <span className="min-w-0 flex-1 truncate text-right text-muted">{now}</span>
      </summary>
      <div className="pb-4">{children}</div>
    </details>
  );
}
