import type { SecretPlace } from '@/api/generated';
import { PLACES, type GrantDraft } from '@/lib/secrets';
import { Choice } from '@/ui/Choice';
import { TextField } from '@/ui/Field';

interface Props {
  draft: GrantDraft;
  set: (part: Partial<GrantDraft>) => void;
}

/** To which requests a secret is added, and where in them. */
export function GrantFields({ draft, set }: Props) {
  const { field, hint } = PLACES[draft.place];
  return (
    <div className="grid gap-4 sm:grid-cols-2">
      <TextField
        label="Host"
        mono
        value={draft.host}
        onChange={(event) => set({ host: event.target.value })}
        placeholder="api.github.com"
      />
      <div className="grid grid-cols-[96px_1fr] gap-3">
        <TextField
          label="Method"
          mono
          value={draft.method}
          onChange={(event) => set({ method: event.target.value })}
          placeholder="any"
        />
        <TextField
          label="Path begins with"
          mono
          value={draft.path}
          onChange={(event) => set({ path: event.target.value })}
          placeholder="any"
        />
      </div>
      <div className={field === null ? '' : 'grid grid-cols-2 gap-3'}>
        <Choice
          label="Goes into"
          value={draft.place}
          onChange={(place) => set({ place: place as SecretPlace['type'], detail: '' })}
          options={Object.entries(PLACES).map(([type, { label }]) => [type, label])}
        />
        {field !== null && (
          <TextField
            label={field}
            mono
            value={draft.detail}
            onChange={(event) => set({ detail: event.target.value })}
            placeholder={hint}
          />
        )}
      </div>
    </div>
  );
}
