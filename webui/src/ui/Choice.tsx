import { useId } from 'react';

interface Props {
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
  disabled?: boolean;
  /** It is the first field of a dialog. */
  first?: boolean;
}

/** One of a few, with its label above like every field. */
export function Choice({ label, value, options, onChange, disabled, first }: Props) {
  const id = useId();
  return (
    <div className="min-w-0">
      <label htmlFor={id} className="mb-1 block text-13 font-medium">
        {label}
      </label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        autoFocus={first}
        onChange={(event) => onChange(event.target.value)}
        className="h-9 w-full rounded-sm border border-line bg-canvas px-2.5 text-14 hover:border-line-strong disabled:text-muted"
      >
        {options.map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
