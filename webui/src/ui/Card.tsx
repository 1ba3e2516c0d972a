import type { ReactNode } from 'react';

/** One part of a page or pane, with its title. */
export function Card({
  title,
  about,
  actions,
  children,
}: {
  title: string;
  about?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section aria-label={title} className="min-w-0 rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center gap-2 px-4 py-3">
        <div className="min-w-0 flex-1">
          <h2 className="text-14 font-semibold">{title}</h2>
          {about && <p className="text-12 text-muted">{about}</p>}
        </div>
        {actions}
      </div>
      <div className="border-t border-line">{children}</div>
    </section>
  );
}
