import type { ComponentProps } from 'react';
import { Search } from 'lucide-react';

interface Props extends Omit<ComponentProps<'input'>, 'type' | 'className'> {
  /** What is searched, for those who do not see the glass. */
  label: string;
  /** How wide it is; its place in the row. */
  className: string;
}

/** Where a list is searched or filtered by typing. */
export function SearchBox({ label, className, placeholder = 'Search', children, ...input }: Props) {
  return (
    <div className={`relative ${className}`}>
      <Search
        size={15}
        aria-hidden="true"
        className="pointer-events-none absolute top-2 left-2.5 text-muted"
      />
      <input
        type="search"
        aria-label={label}
        placeholder={placeholder}
        className="h-8 w-full rounded-sm border border-line bg-surface pr-3 pl-8 text-13 hover:border-line-strong"
        {...input}
      />
      {children}
    </div>
  );
}
