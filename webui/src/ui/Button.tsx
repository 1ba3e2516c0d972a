import type { ComponentProps, ReactNode } from 'react';
import { Tip } from './Tip';

type Kind = 'plain' | 'primary' | 'danger' | 'quiet';

const KINDS: Record<Kind, string> = {
  plain: 'border border-line-strong bg-surface hover:bg-raised text-text',
  primary: 'border border-accent-solid bg-accent-solid text-on-accent hover:brightness-110',
  danger: 'border border-failed-solid bg-failed-solid text-on-accent hover:brightness-110',
  quiet: 'border border-transparent text-muted hover:text-text hover:bg-raised',
};

interface Props extends ComponentProps<'button'> {
  kind?: Kind;
  icon?: ReactNode;
  /** Why it cannot be used now; it stays reachable so that the reason can be read. */
  refused?: string | null;
  busy?: boolean;
}

const BASE =
  'inline-flex h-8 shrink-0 items-center justify-center gap-1.5 rounded-sm px-3 text-13 font-medium whitespace-nowrap transition-colors duration-100';

export function Button({
  kind = 'plain',
  icon,
  refused,
  busy,
  className = '',
  children,
  onClick,
  ...rest
}: Props) {
  const off = refused != null || busy;
  const button = (
    <button
      type="button"
      {...rest}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      onClick={(event) => {
        if (off) event.preventDefault();
        else onClick?.(event);
      }}
      className={`${BASE} ${KINDS[kind]} ${off ? 'opacity-55 hover:brightness-100' : ''} ${className}`}
    >
      {icon}
      {children}
    </button>
  );
  return refused ? <Tip text={refused}>{button}</Tip> : button;
}

interface IconProps extends Omit<Props, 'children' | 'icon'> {
  label: string;
  children: ReactNode;
}

/** A square button with an icon; its name is shown on hover and focus. */
export function IconButton({
  label,
  refused,
  className = '',
  kind = 'quiet',
  busy,
  onClick,
  children,
  ...rest
}: IconProps) {
  const off = refused != null || busy;
  return (
    <Tip text={refused ?? label}>
      <button
        type="button"
        aria-label={label}
        {...rest}
        aria-disabled={off || undefined}
        onClick={(event) => {
          if (off) event.preventDefault();
          else onClick?.(event);
        }}
        className={`inline-flex size-8 shrink-0 items-center justify-center rounded-sm transition-colors duration-100 ${KINDS[kind]} ${off ? 'opacity-50' : ''} ${className}`}
      >
        {children}
      </button>
    </Tip>
  );
}
