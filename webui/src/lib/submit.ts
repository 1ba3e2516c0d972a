import { useState, type FormEvent } from 'react';
import { refusalOf, type Refusal } from '@/api/http';

/**
 * What a form does when it is sent: one try at a time, and why the last one was refused. `action` may return early where the form
 * itself finds something wrong.
 */
export function useSubmit(action: (event: FormEvent<HTMLFormElement>) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setRefused(null);
    try {
      await action(event);
    } catch (cause) {
      setRefused(refusalOf(cause));
    }
    setBusy(false);
  };
  return { busy, refused, submit: (event: FormEvent<HTMLFormElement>) => void submit(event) };
}
