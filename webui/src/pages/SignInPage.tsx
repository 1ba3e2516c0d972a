import { useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { signIn } from '@/api/agents';
import { refusalOf, type Refusal } from '@/api/http';
import { ownPath } from '@/lib/paths';
import { Button } from '@/ui/Button';
import { CommandLine } from '@/ui/Copy';
import { TextField } from '@/ui/Field';
import { ErrorNotice } from '@/ui/Notice';

/** Who comes without a session: the token, or where to get a link. */
export function SignInPage() {
  const { next } = useSearch({ from: '/sign-in' });
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Refusal | null>(null);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(token.trim());
      // Checked here, where it is used: the router hands over what its check of the address left out.
      location.assign(ownPath(next) ?? '/');
    } catch (cause) {
      setError(refusalOf(cause));
      setBusy(false);
    }
  };

  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="w-full max-w-md">
        <div className="mb-6 flex items-center gap-3">
          <img src="/favicon.svg" alt="" width={32} height={32} />
          <div>
            <h1 className="text-20 font-semibold">Mission Control</h1>
            <p className="text-13 text-muted">{location.host}</p>
          </div>
        </div>
        <form onSubmit={submit} className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-5">
          <TextField
            label="Token"
            type="password"
            mono
            autoComplete="current-password"
            value={token}
            onChange={(event) => setToken(event.target.value)}
            hint="It is in the file “token” of the service’s state directory."
          />
          {error && <ErrorNotice error={wordsFor(error)} />}
          <Button
            type="submit"
            kind="primary"
            busy={busy}
            refused={token.trim() === '' ? 'Paste the token first.' : null}
          >
            {busy ? 'Signing in' : 'Sign in'}
          </Button>
        </form>
        <div className="mt-5 flex flex-col gap-2 text-13 text-muted">
          <p>Or get a one-time link. On the machine of the service:</p>
          <CommandLine text="sudo aether signin" />
        </div>
      </div>
    </main>
  );
}

function wordsFor(error: Refusal) {
  if (error.code === 'UNAUTHENTICATED' || error.code === 'DENIED') {
    return {
      message: 'this token is not valid',
      hint: 'copy the whole line of the file; a new state directory has a new token',
    };
  }
  return error;
}
