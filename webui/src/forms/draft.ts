import type {
  AgentSpec,
  GrantSpec,
  ModelProvider,
  NetworkMode,
  NetworkPreset,
  Profile,
} from '@/api/generated';
import { parseSize, split } from '@/lib/cli';
import { parseDestinations } from '@/lib/network';
import { grantOf, type GrantDraft } from '@/lib/secrets';

/** What the deploy dialog holds: text as typed, turned into a spec only as a whole. */
export interface Draft {
  door: 'program' | 'goal';
  name: string;
  command: string;
  shell: boolean;
  tty: boolean;
  goal: string;
  role: string;
  model: string;
  maxSteps: string;
  memory: string;
  cpus: string;
  pids: string;
  workdir: string;
  env: string;
  profile: Profile;
  ephemeral: boolean;
  net: Net;
  /** Destinations, parted by blanks or lines. */
  allow: string;
  presets: readonly NetworkPreset[];
  models: readonly ModelProvider[];
  modelTokens: string;
  /** Secrets lent to it, each by its name. */
  grants: readonly (GrantDraft & { secret: string })[];
}

/** The network in one word, as `--net` has it. */
export type Net = 'none' | 'allow' | 'ask' | 'open';

export type FieldName = Exclude<
  keyof Draft,
  'door' | 'shell' | 'tty' | 'profile' | 'ephemeral' | 'net' | 'presets' | 'models'
>;

export const EMPTY: Draft = {
  door: 'goal',
  name: '',
  command: '',
  shell: false,
  tty: true,
  goal: '',
  role: '',
  model: '',
  maxSteps: '',
  memory: '',
  cpus: '',
  pids: '',
  workdir: '',
  env: '',
  profile: 'standard',
  ephemeral: false,
  net: 'none',
  allow: '',
  presets: [],
  models: [],
  modelTokens: '',
  grants: [],
};

export type SetField = <K extends keyof Draft>(key: K, value: Draft[K]) => void;

/** What each part of the dialog is given. */
export interface PartProps {
  draft: Draft;
  set: SetField;
  errorOf: (field: FieldName) => string | null;
}

export interface Checked {
  /** Complete only without errors. */
  spec: AgentSpec | null;
  /** Granted once the agent exists, whose name they still lack. */
  grants: { secret: string; spec: GrantSpec }[];
  errors: Partial<Record<FieldName, string>>;
  /** Shell signs in a command that would reach the program as plain words. */
  shellSigns: string[];
}

/** Turns what was typed into a spec, with the same rules that the service checks again. */
export function check(draft: Draft): Checked {
  const errors: Checked['errors'] = {};
  const number = (
    field: 'cpus' | 'pids' | 'maxSteps' | 'modelTokens',
    low: number,
    high: number,
    whole: boolean,
  ) => {
    const text = draft[field].trim();
    if (text === '') return undefined;
    const value = Number(text);
    if (Number.isFinite(value) && value >= low && value <= high && (!whole || Number.isInteger(value)))
      return value;
    errors[field] = `Give ${low} to ${high}.`;
    return undefined;
  };

  const name = draft.name.trim();
  if (name !== '' && !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    errors.name = 'Use a–z, 0–9 and -, at most 63, not starting with -.';
  }
  const workdir = draft.workdir.trim();
  if (workdir !== '' && (!workdir.startsWith('/') || workdir.split('/').includes('..'))) {
    errors.workdir = 'Give an absolute path without “..”.';
  }
  const memoryBytes = draft.memory.trim() === '' ? undefined : parseSize(draft.memory);
  if (memoryBytes === null || (memoryBytes !== undefined && memoryBytes < 8 * 1024 * 1024)) {
    errors.memory = 'Give at least 8M, for example 512M or 2G.';
  }
  const cpus = number('cpus', 0.01, 4096, false);
  const pids = number('pids', 4, 4194304, true);
  const env = readEnv(draft.env, errors);
  const network = readNetwork(draft, errors);
  const modelTokens =
    draft.models.length > 0 ? number('modelTokens', 1, Number.MAX_SAFE_INTEGER, true) : undefined;
  const grants = readGrants(draft, errors);

  const goalDoor = draft.door === 'goal';
  const maxSteps = goalDoor ? number('maxSteps', 1, 10000, true) : undefined;
  const command = split(draft.command);
  if (goalDoor && draft.goal.trim() === '') errors.goal = 'Say in a sentence what the agent should do.';
  if (!goalDoor) {
    if (draft.command.trim() === '') errors.command = 'Name a program, for example: ls -l';
    else if (!draft.shell && command.error)
      errors.command = `It cannot be split into words: ${command.error}.`;
  }

  const limits = {
    ...(memoryBytes ? { memoryBytes } : {}),
    ...(cpus ? { cpus } : {}),
    ...(pids ? { pids } : {}),
    ...(modelTokens ? { modelTokens } : {}),
  };
  const spec: AgentSpec = {
    ...(name ? { name } : {}),
    program: goalDoor
      ? {
          type: 'goal',
          goal: draft.goal.trim(),
          ...(draft.role.trim() ? { role: draft.role.trim() } : {}),
          ...(draft.model.trim() ? { model: draft.model.trim() } : {}),
          ...(maxSteps ? { maxSteps } : {}),
        }
      : {
          type: 'command',
          argv: draft.shell ? ['sh', '-c', draft.command] : command.words,
          ...(draft.tty ? { tty: true, stdin: true } : {}),
        },
    ...(Object.keys(env).length > 0 ? { env } : {}),
    ...(workdir ? { workdir } : {}),
    ...(network === 'none' ? {} : { network }),
    ...(draft.models.length > 0 ? { models: [...draft.models] } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(draft.profile === 'standard' ? {} : { profile: draft.profile }),
    ...(draft.ephemeral ? { ephemeral: true } : {}),
  };
  return {
    spec: Object.keys(errors).length === 0 ? spec : null,
    grants,
    errors,
    shellSigns: goalDoor || draft.shell ? [] : [...new Set(command.shell)],
  };
}

function readNetwork(draft: Draft, errors: Checked['errors']): NetworkMode {
  if (draft.net === 'none' || draft.net === 'open') return draft.net;
  const { rules, error } = parseDestinations(draft.allow);
  if (error !== null) errors.allow = error;
  else if (draft.net === 'allow' && rules.length + draft.presets.length === 0)
    errors.allow = 'Name a destination or choose a preset; an empty list denies everything.';
  return {
    ...(rules.length > 0 ? { allow: rules } : {}),
    ...(draft.presets.length > 0 ? { presets: [...draft.presets] } : {}),
    ...(draft.net === 'ask' ? { otherwise: 'ask' as const } : {}),
  };
}

function readGrants(draft: Draft, errors: Checked['errors']): Checked['grants'] {
  const grants: Checked['grants'] = [];
  for (const each of draft.grants) {
    const { spec, error } = grantOf({ ...each, agent: '-' });
    if (spec) grants.push({ secret: each.secret, spec });
    else errors.grants ??= `${each.secret}: ${error}`;
  }
  if (draft.grants.length > 0 && draft.net === 'none' && draft.models.length === 0)
    errors.grants ??= 'A secret is of use only to an agent with a network.';
  return grants;
}

function readEnv(text: string, errors: Checked['errors']): Record<string, string> {
  const env: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const at = line.indexOf('=');
    if (at < 1) {
      errors.env = `“${line.trim().slice(0, 40)}” is not NAME=VALUE.`;
      continue;
    }
    env[line.slice(0, at).trim()] = line.slice(at + 1);
  }
  return env;
}

/** The field that a refusal of the service is about, by the words it uses. */
export function fieldOf(message: string): FieldName | null {
  const words: [RegExp, FieldName][] = [
    [/^network\b/i, 'allow'],
    [/\bmodelTokens\b/i, 'modelTokens'],
    [/\bname\b/i, 'name'],
    [/\bgoal\b/i, 'goal'],
    [/\bworkdir\b/i, 'workdir'],
    [/\bmemory\b/i, 'memory'],
    [/\bcpus?\b/i, 'cpus'],
    [/\bpids\b/i, 'pids'],
    [/\benviron/i, 'env'],
    [/\b(command|argument)/i, 'command'],
    [/\bmodel|provider\b/i, 'model'],
    [/\bmaxSteps\b/i, 'maxSteps'],
  ];
  return words.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}
