import { useEffect, type ReactNode } from 'react';

interface Props {
  title: string;
  actions?: ReactNode;
  children?: ReactNode;
}

/** The top of a page: its title, one line under it, and what one can do. */
export function PageHead({ title, actions, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Aether`;
  }, [title]);
  return (
    <header className="flex flex-wrap items-start gap-x-4 gap-y-2 px-4 pt-4 pb-3">
      <div className="min-w-0 flex-1">
        <h1 className="text-20 font-semibold">{title}</h1>
        {children && <div className="mt-0.5">{children}</div>}
      </div>
      {actions && <div className="flex items-center gap-2">{actions}</div>}
    </header>
  );
}
