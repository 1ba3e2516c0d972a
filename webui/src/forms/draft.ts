import type {
  AgentSpec,
  BudgetKind,
  ModelProvider,
  NetworkMode,
  NetworkPreset,
  Profile,
  SecretUse,
} from '@/api/generated';
import { EMPTY_BUDGET, readBudget, type BudgetDraft } from '@/lib/budget';
import { parseSize, split } from '@/lib/cli';
import { parseDestinations } from '@/lib/network';
import { readRules, type RuleDraft } from '@/lib/rules';
import { useOf, type UseDraft } from '@/lib/secrets';

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
  /** Name of a template, or nothing. */
  template: string;
  /** Name of a memory that outlives it, or nothing for one of its own. */
  mind: string;
  /** Names of tools, parted by blanks or lines; every one there is when empty. */
  tools: string;
  rules: readonly RuleDraft[];
  budget: BudgetDraft;
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
  /** Hosts that are denied whatever allows them. */
  deny: string;
  /** Hosts whose TLS is opened. */
  openTls: string;
  models: readonly ModelProvider[];
  modelTokens: string;
  /** Secrets lent to it, each by its name. */
  grants: readonly UseDraft[];
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
  template: '',
  mind: '',
  tools: '',
  rules: [],
  budget: EMPTY_BUDGET,
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
  deny: '',
  openTls: '',
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
  budgetErrors: Checked['budgetErrors'];
}

export interface Checked {
  /** Complete only without errors. */
  spec: AgentSpec | null;
  errors: Partial<Record<FieldName, string>>;
  /** Which limits are none. */
  budgetErrors: Partial<Record<BudgetKind, string>>;
  /** Shell signs in a command that would reach the program as plain words. */
  shellSigns: string[];
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const NAME_RULE = 'Use a–z, 0–9 and -, at most 63, not starting with -.';

const wordsIn = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

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
  if (name !== '' && !NAME.test(name)) errors.name = NAME_RULE;
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
  const secrets = readUses(draft, errors);
  const { budget, errors: budgetErrors } = readBudget(draft.budget);
  if (Object.keys(budgetErrors).length > 0) errors.budget = 'One of the limits is none.';

  const goalDoor = draft.door === 'goal';
  const { rules, error: badRule } = goalDoor ? readRules(draft.rules) : { rules: [], error: null };
  if (badRule !== null) errors.rules = badRule;
  const tools = wordsIn(draft.tools);
  const mind = draft.mind.trim();
  if (goalDoor && mind !== '' && !NAME.test(mind)) errors.mind = NAME_RULE;
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
          ...(draft.template ? { template: draft.template } : {}),
          ...(mind ? { memory: mind } : {}),
          ...(tools.length > 0 ? { tools } : {}),
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
    ...(secrets.length > 0 ? { secrets } : {}),
    ...(Object.keys(budget).length > 0 ? { budget } : {}),
    ...(rules.length > 0 ? { rules } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(draft.profile === 'standard' ? {} : { profile: draft.profile }),
    ...(draft.ephemeral ? { ephemeral: true } : {}),
  };
  return {
    spec: Object.keys(errors).length === 0 ? spec : null,
    errors,
    budgetErrors,
    shellSigns: goalDoor || draft.shell ? [] : [...new Set(command.shell)],
  };
}

function readNetwork(draft: Draft, errors: Checked['errors']): NetworkMode {
  const [deny, open] = [wordsIn(draft.deny), wordsIn(draft.openTls)];
  if (draft.net === 'none') return 'none';
  if (draft.net === 'open' && deny.length + open.length === 0) return 'open';
  const named = draft.net === 'open' ? '' : draft.allow;
  const { rules, error } = parseDestinations(named);
  const presets = draft.net === 'open' ? [] : draft.presets;
  if (error !== null) errors.allow = error;
  else if (draft.net === 'allow' && rules.length + presets.length === 0)
    errors.allow = 'Name a destination or choose a preset; an empty list denies everything.';
  const odd = [...deny, ...open].find((host) => /[/:@=]/.test(host));
  if (odd) errors.deny = `“${odd.slice(0, 60)}”: give a host or *.suffix, without scheme, port or path.`;
  return {
    ...(rules.length > 0 ? { allow: rules } : {}),
    ...(deny.length > 0 ? { deny } : {}),
    ...(presets.length > 0 ? { presets: [...presets] } : {}),
    ...(open.length > 0 ? { open } : {}),
    ...(draft.net === 'ask' ? { otherwise: 'ask' as const } : {}),
    ...(draft.net === 'open' ? { otherwise: 'allow' as const } : {}),
  };
}

function readUses(draft: Draft, errors: Checked['errors']): SecretUse[] {
  const uses: SecretUse[] = [];
  for (const each of draft.grants) {
    const { use, error } = useOf(each);
    if (use) uses.push(use);
    else errors.grants ??= `${each.secret}: ${error}`;
  }
  return uses;
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
    [/\btemplate\b/i, 'template'],
    [/^secret\b/i, 'grants'],
    [/^rule \d|rules about calls/i, 'rules'],
    [/^the budget of\b/i, 'budget'],
    [/\btool\b/i, 'tools'],
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
