import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import { listSecrets } from '@/api/network';
import { count } from '@/lib/format';
import { PROVIDERS, PROVIDER_NAMES } from '@/lib/models';
import { PRESETS, PRESET_NAMES } from '@/lib/network';
import { EMPTY_GRANT, type UseDraft } from '@/lib/secrets';
import { IconButton } from '@/ui/Button';
import { Choice } from '@/ui/Choice';
import { CheckField, TextArea, TextField } from '@/ui/Field';
import { Fold } from './Fold';
import { GrantFields } from './GrantFields';
import type { Net, PartProps } from './draft';

const NETS: Record<Net, { title: string; about: string; now: string }> = {
  none: { title: 'None', about: 'Loopback, and nothing else.', now: 'none' },
  allow: { title: 'Allow list', about: 'Only what you name here; the rest is denied.', now: 'allow list' },
  ask: {
    title: 'Ask',
    about: 'A new destination is held until somebody answers, two minutes at most.',
    now: 'asks',
  },
  open: {
    title: 'Open',
    about: 'Every public address. Private, host and metadata addresses stay out of reach.',
    now: 'open to public addresses',
  },
};

/** What it may reach; nothing, unless somebody says otherwise. */
export function NetworkPart({ draft, set, errorOf }: PartProps) {
  const named = draft.net === 'allow' || draft.net === 'ask';
  const rules = draft.allow.split(/[\s,]+/).filter(Boolean).length;
  const now = [
    NETS[draft.net].now,
    named && rules > 0 ? count(rules, 'destination') : null,
    named && draft.presets.length > 0 ? draft.presets.join(', ') : null,
  ];
  const invalid = errorOf('allow') !== null || errorOf('deny') !== null;
  return (
    <Fold title="Network" now={now.filter(Boolean).join(', ')} invalid={invalid}>
      <fieldset className="grid gap-2.5 sm:grid-cols-2">
        <legend className="sr-only">Network</legend>
        {(Object.keys(NETS) as Net[]).map((each) => (
          <label key={each} className="flex cursor-pointer items-start gap-2.5">
            <input
              type="radio"
              name="net"
              value={each}
              checked={draft.net === each}
              onChange={() => set('net', each)}
              className="mt-0.5 size-4 shrink-0 accent-accent-solid"
            />
            <span>
              <span className="block text-13 font-medium">{NETS[each].title}</span>
              <span className="block text-12 text-muted">{NETS[each].about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {named && (
        <div className="mt-4 flex flex-col gap-4">
          <fieldset>
            <legend className="mb-1.5 text-13 font-medium">Presets</legend>
            <div className="grid gap-2 sm:grid-cols-3">
              {PRESET_NAMES.map((each) => (
                <CheckField
                  key={each}
                  label={each}
                  hint={PRESETS[each]}
                  checked={draft.presets.includes(each)}
                  onChange={() => set('presets', toggled(PRESET_NAMES, draft.presets, each))}
                />
              ))}
            </div>
          </fieldset>
          <TextArea
            label="Destinations"
            mono
            rows={3}
            value={draft.allow}
            onChange={(event) => set('allow', event.target.value)}
            error={errorOf('allow')}
            hint="HOST, HOST:PORT, *.suffix or an address, one a line; ports 80 and 443 unless one is given. =/path/of/program after it allows one program alone."
            placeholder={'api.example.com\n*.example.org:8443\ngithub.com=/usr/lib/git-core/git-remote-http'}
          />
        </div>
      )}
      {draft.net !== 'none' && (
        <div className="mt-4 grid gap-4 sm:grid-cols-2">
          <TextArea
            label="Denied whatever allows them"
            mono
            rows={2}
            value={draft.deny}
            onChange={(event) => set('deny', event.target.value)}
            error={errorOf('deny')}
            hint="HOST or *.suffix."
            placeholder="*.example.net"
          />
          <TextArea
            label="Open the TLS of"
            mono
            rows={2}
            value={draft.openTls}
            onChange={(event) => set('openTls', event.target.value)}
            error={errorOf('openTls')}
            hint="The service reads what is said to these hosts; secrets can be put in there. Chosen at the start, for good."
            placeholder="api.example.com"
          />
        </div>
      )}
    </Fold>
  );
}

/** Every one of `all` that is chosen after a click on `each`, in their order. */
function toggled<T>(all: readonly T[], chosen: readonly T[], each: T): T[] {
  return all.filter((one) => (one === each ? !chosen.includes(one) : chosen.includes(one)));
}

/** Which providers its programs may ask; the keys stay outside. */
export function ModelsPart({ draft, set, errorOf }: PartProps) {
  const now = draft.models.map((each) => PROVIDERS[each]).join(', ') || 'none through the gateway';
  return (
    <Fold title="Models for its programs" now={now} invalid={errorOf('modelTokens') !== null}>
      <p className="mb-3 text-12 text-muted">
        Programs reach them through the gateway, with a placeholder instead of a key.
      </p>
      <div className="grid gap-4 sm:grid-cols-[1fr_200px]">
        <fieldset>
          <legend className="sr-only">Providers</legend>
          <div className="grid grid-cols-2 gap-2">
            {PROVIDER_NAMES.map((each) => (
              <CheckField
                key={each}
                label={PROVIDERS[each]}
                checked={draft.models.includes(each)}
                onChange={() => set('models', toggled(PROVIDER_NAMES, draft.models, each))}
              />
            ))}
          </div>
        </fieldset>
        {draft.models.length > 0 && (
          <TextField
            label="Tokens at most"
            mono
            inputMode="numeric"
            value={draft.modelTokens}
            onChange={(event) => set('modelTokens', event.target.value)}
            error={errorOf('modelTokens')}
            placeholder="no budget"
          />
        )}
      </div>
    </Fold>
  );
}

/** Which kept secrets are lent to it, each for one host. */
export function SecretsPart({ draft, set, errorOf }: PartProps) {
  const secrets = useQuery({ queryKey: ['secrets'], queryFn: ({ signal }) => listSecrets(signal) });
  const names = (secrets.data ?? []).map((each) => each.name);
  const grants = draft.grants;
  const change = (i: number, part: Partial<UseDraft>) =>
    set(
      'grants',
      grants.map((each, at) => (at === i ? { ...each, ...part } : each)),
    );
  if (names.length === 0) return null;
  const error = errorOf('grants');
  return (
    <Fold
      title="Secrets"
      now={grants.map((each) => each.secret).join(', ') || 'none'}
      invalid={error !== null}
    >
      <p className="mb-3 text-12 text-muted">
        Added to its requests to one host on their way out; inside there is only a placeholder. It has the
        gateway for that also without a network.
      </p>
      <ul className="flex flex-col gap-4">
        {grants.map((each, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- rows have no other name
          <li key={i} className="rounded-sm border border-line p-3">
            <div className="mb-2 flex items-center justify-between">
              <span className="font-mono text-13 font-medium">{each.secret}</span>
              <IconButton
                label={`Do not grant ${each.secret}`}
                onClick={() =>
                  set(
                    'grants',
                    grants.filter((_, at) => at !== i),
                  )
                }
              >
                <X size={15} />
              </IconButton>
            </div>
            <div className="mb-4 sm:w-1/2 sm:pr-2">
              <TextField
                label="Placeholder in the variable"
                mono
                value={each.env}
                onChange={(event) => change(i, { env: event.target.value })}
                placeholder={each.secret}
              />
            </div>
            <GrantFields draft={each} set={(part) => change(i, part)} />
          </li>
        ))}
      </ul>
      {error && (
        <p role="alert" className="mt-2 text-12 text-failed">
          {error}
        </p>
      )}
      <div className={`max-w-64 ${grants.length > 0 ? 'mt-4' : ''}`}>
        <Choice
          label="Grant a secret"
          value=""
          onChange={(secret) =>
            secret !== '' && set('grants', [...grants, { ...EMPTY_GRANT, secret, env: '' }])
          }
          options={[['', 'Choose one'], ...names.map((name): [string, string] => [name, name])]}
        />
      </div>
    </Fold>
  );
}
