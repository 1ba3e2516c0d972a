import type { Grant, GrantSpec, SecretPlace, SecretUse } from '@/api/generated';

export const PLACES: Record<SecretPlace['type'], { label: string; field: string | null; hint: string }> = {
  bearer: { label: 'Authorization: Bearer', field: null, hint: '' },
  header: { label: 'Header', field: 'Header', hint: 'X-Api-Key' },
  basic: { label: 'Authorization: Basic', field: 'User', hint: 'builder' },
  query: { label: 'Query parameter', field: 'Parameter', hint: 'key' },
};

/** As the service names secrets; programs find the placeholder under the name. */
export function nameError(name: string): string | null {
  return /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(name)
    ? null
    : 'Use letters, digits, _ and -, at most 64, starting with a letter or _.';
}

/** The service checks again; here only what would surely be refused. The text says nothing of the value. */
export function valueError(value: string): string | null {
  const length = new TextEncoder().encode(value).length;
  if (length < 8) return 'Give at least 8 bytes: what is shorter could not be scrubbed from answers.';
  if (length > 16 * 1024) return 'Give at most 16 KiB.';
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f\u007f]/.test(value) ? 'It has a line break or another control character.' : null;
}

export interface GrantDraft {
  agent: string;
  host: string;
  method: string;
  path: string;
  place: SecretPlace['type'];
  /** Header, user or parameter, by the place. */
  detail: string;
}

export const EMPTY_GRANT: GrantDraft = {
  agent: '',
  host: '',
  method: '',
  path: '',
  place: 'bearer',
  detail: '',
};

/** A secret lent in the step that makes the agent. */
export interface UseDraft extends GrantDraft {
  secret: string;
  /** The variable that its programs find the placeholder in; the secret's name when empty. */
  env: string;
}

/** What to ask for at the start; the service checks again. */
export function useOf(draft: UseDraft): { use: SecretUse | null; error: string | null } {
  const { spec, error } = grantOf({ ...draft, agent: '-' });
  if (!spec) return { use: null, error };
  const env = draft.env.trim();
  if (env !== '' && nameError(env) !== null)
    return { use: null, error: 'The variable has letters, digits and _, starting with a letter or _.' };
  const { agent: _, ...where } = spec;
  return {
    use: { name: draft.secret, ...(env && env !== draft.secret ? { env } : {}), ...where },
    error: null,
  };
}

/** A use for `--secret`: `NAME[:ENV]=HOST[/PATH][,AS][,method=METHOD]`. */
export function useWord({ name, env, host, path, place, method }: SecretUse): string {
  const into = place === undefined ? '' : PLACE_WORDS[place.type](place);
  return [`${name}${env ? `:${env}` : ''}=${host}${path ?? ''}`, into, method && `method=${method}`]
    .filter(Boolean)
    .join(',');
}

const PLACE_WORDS: Record<SecretPlace['type'], (place: SecretPlace) => string> = {
  bearer: () => '',
  header: (place) => `header=${'name' in place ? place.name : ''}`,
  basic: (place) => `basic=${'user' in place ? place.user : ''}`,
  query: (place) => `query=${'name' in place ? place.name : ''}`,
};

const refuse = (error: string) => ({ spec: null, error });

export function grantOf(draft: GrantDraft): { spec: GrantSpec | null; error: string | null } {
  const host = draft.host.trim();
  const detail = draft.detail.trim();
  const { field } = PLACES[draft.place];
  if (draft.agent === '') return refuse('Choose an agent.');
  if (host === '' || /[/:*@\s]/.test(host))
    return refuse('Give one exact host such as api.github.com, without scheme, port, path or *.');
  if (draft.path.trim() !== '' && !draft.path.trim().startsWith('/'))
    return refuse('Begin the path with “/”.');
  if (field !== null && detail === '') return refuse(`Name the ${field.toLowerCase()}.`);
  const method = draft.method.trim().toUpperCase();
  const path = draft.path.trim();
  const spec: GrantSpec = {
    agent: draft.agent,
    host,
    ...(method ? { method } : {}),
    ...(path ? { path } : {}),
    place: placeOf(draft.place, detail),
  };
  return { spec, error: null };
}

function placeOf(type: SecretPlace['type'], detail: string): SecretPlace {
  switch (type) {
    case 'bearer':
      return { type };
    case 'basic':
      return { type, user: detail };
    case 'header':
    case 'query':
      return { type, name: detail };
  }
}

/** Where a grant puts the value, in a few words. */
export function placeText(place: SecretPlace): string {
  switch (place.type) {
    case 'bearer':
      return 'as bearer token';
    case 'header':
      return `as header ${place.name}`;
    case 'basic':
      return `as password of ${place.user}`;
    case 'query':
      return `as query parameter ${place.name}`;
  }
}

/** Which requests a grant is about: `GET api.github.com/repos/me`. */
export function targetText(grant: Pick<Grant, 'host' | 'method' | 'path'>): string {
  return `${grant.method ? `${grant.method} ` : ''}${grant.host}${grant.path ?? ''}`;
}
