import { useEffect, useRef, type ReactNode } from 'react';

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
  const details = useRef<HTMLDetailsElement>(null);
  // Opened once, by hand: it must not close over the field that is being mended.
  useEffect(() => {
    if (invalid && details.current) details.current.open = true;
  }, [invalid]);
  return (
    <details ref={details} className="group px-3">
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
      <div className="pt-2 pb-4">{children}</div>
    </details>
  );
}
