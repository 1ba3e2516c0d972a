import { useId, type ComponentProps, type ReactNode } from 'react';

interface Frame {
  label: string;
  hint?: ReactNode;
  error?: string | null;
}

const INPUT =
  'w-full rounded-sm border bg-canvas px-2.5 text-14 text-text transition-colors duration-100 hover:border-line-strong';

function Around({ id, label, hint, error, children }: Frame & { id: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-13 font-medium">
        {label}
      </label>
      {children}
      {error ? (
        <p id={`${id}-note`} role="alert" className="mt-1 text-12 text-failed">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="mt-1 text-12 text-muted">
            {hint}
          </p>
        )
      )}
    </div>
  );
}

type TextProps = Frame & Omit<ComponentProps<'input'>, 'id'> & { mono?: boolean };

export function TextField({ label, hint, error, mono, ...rest }: TextProps) {
  const id = useId();
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <input
        id={id}
        autoComplete="off"
        spellCheck={false}
        {...rest}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={`${INPUT} h-9 ${mono ? 'font-mono text-13' : ''} ${error ? 'border-failed' : 'border-line'}`}
      />
    </Around>
  );
}

type AreaProps = Frame & Omit<ComponentProps<'textarea'>, 'id'> & { mono?: boolean };

export function TextArea({ label, hint, error, mono, ...rest }: AreaProps) {
  const id = useId();
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <textarea
        id={id}
        spellCheck={!mono}
        {...rest}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={`${INPUT} block resize-y py-2 ${mono ? 'font-mono text-13' : ''} ${error ? 'border-failed' : 'border-line'}`}
      />
    </Around>
  );
}

interface CheckProps extends Omit<ComponentProps<'input'>, 'id' | 'type'> {
  label: string;
  hint?: string;
}

export function CheckField({ label, hint, ...rest }: CheckProps) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input id={id} type="checkbox" {...rest} className="mt-0.5 size-4 shrink-0 accent-accent-solid" />
      <label htmlFor={id} className="text-13">
        {label}
        {hint && <span className="block text-12 text-muted">{hint}</span>}
      </label>
    </div>
  );
}
