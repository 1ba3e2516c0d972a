import { useState } from 'react';
import type { SecretInfo } from '@/api/generated';
import { setSecret } from '@/api/network';
import { nameError, valueError } from '@/lib/secrets';
import { useSubmit } from '@/lib/submit';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { TextField } from '@/ui/Field';
import { ErrorNotice } from '@/ui/Notice';

interface Props {
  /** The secret whose value is replaced; absent for a new one. */
  name?: string;
  onClose: (set: SecretInfo | null) => void;
}

/** Takes a value in, once. It lives in the field alone: no state of the page ever holds it. */
export function SecretDialog({ name, onClose }: Props) {
  const [errors, setErrors] = useState<{ name?: string | null; value?: string | null }>({});
  const { busy, refused, submit } = useSubmit(async (event) => {
    const form = event.currentTarget;
    const data = new FormData(form);
    const wanted = name ?? String(data.get('name')).trim();
    const value = String(data.get('value'));
    const found = { name: nameError(wanted), value: valueError(value) };
    setErrors(found);
    if (found.name || found.value) return;
    const set = await setSecret(wanted, value);
    form.reset();
    onClose(set);
  });
  return (
    <Dialog
      open
      onClose={() => onClose(null)}
      title={name ? `Replace the value of ${name}` : 'Set a secret'}
      about={
        name
          ? 'The new value counts from the next request on. Grants stay.'
          : 'It is sealed at once and never shown again, to nobody.'
      }
      footer={
        <>
          <Button onClick={() => onClose(null)}>Cancel</Button>
          <Button kind="primary" type="submit" form="secret" busy={busy}>
            {name ? 'Replace' : 'Set secret'}
          </Button>
        </>
      }
    >
      <form id="secret" onSubmit={submit} noValidate className="flex flex-col gap-4">
        {!name && (
          <TextField
            label="Name"
            name="name"
            mono
            autoFocus
            placeholder="GITHUB_TOKEN"
            error={errors.name}
            hint="Agents find a placeholder under this name."
          />
        )}
        <TextField
          label="Value"
          name="value"
          type="password"
          mono
          autoFocus={name !== undefined}
          autoComplete="new-password"
          error={errors.value}
          hint="At least 8 bytes, one line."
        />
        {refused && <ErrorNotice error={refused} />}
      </form>
    </Dialog>
  );
}
