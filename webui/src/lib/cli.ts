import type { AgentSpec } from '@/api/generated';
import { budgetWords } from './budget';
import { rulesOf } from './network';
import { ruleWords } from './rules';
import { useWord } from './secrets';

/** One word as a POSIX shell takes it. */
export function quote(word: string): string {
  if (word !== '' && /^[A-Za-z0-9_@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Words as one command line. */
export function join(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

export interface Split {
  words: string[];
  /** Shell syntax that needs a shell, for example `|`, in the order found. */
  shell: string[];
  /** Why the line cannot be split. */
  error?: string;
}

/** Splits a command line into words as a shell would, without expanding anything. */
export function split(line: string): Split {
  const words: string[] = [];
  const shell: string[] = [];
  let word: string | null = null;
  let i = 0;
  while (i < line.length) {
    const c = line[i]!;
    if (c === "'" || c === '"') {
      const end = closing(line, i, c);
      if (end < 0) return { words, shell, error: `the quote ${c} is not closed` };
      word = (word ?? '') + unescape(line.slice(i + 1, end), c);
      i = end + 1;
      continue;
    }
    if (c === '\\' && i + 1 < line.length) {
      word = (word ?? '') + line[i + 1];
      i += 2;
      continue;
    }
    if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      if ('|&;<>$`*?'.includes(c) || (c === '~' && word === null)) shell.push(c);
      word = (word ?? '') + c;
    }
    i += 1;
  }
  if (word !== null) words.push(word);
  return { words, shell };
}

function closing(line: string, from: number, mark: string): number {
  for (let i = from + 1; i < line.length; i += 1) {
    if (mark === '"' && line[i] === '\\') i += 1;
    else if (line[i] === mark) return i;
  }
  return -1;
}

function unescape(text: string, mark: string): string {
  return mark === '"' ? text.replace(/\\(["\\$`])/g, '$1') : text;
}

/** Bytes as the command line takes them: whole binary units where possible. */
export function size(value: number): string {
  for (const [unit, factor] of [
    ['G', 1024 ** 3],
    ['M', 1024 ** 2],
    ['K', 1024],
  ] as const) {
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`;
  }
  return String(value);
}

/** Reads `512M`, `1.5G` or plain bytes; null when it is none of them. */
export function parseSize(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*$/i.exec(text);
  if (!match) return null;
  const factor = 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(match[2]!.toLowerCase());
  return Math.round(Number(match[1]) * factor);
}

/** The `aether run` that asks for the same agent. */
export function runCommand(spec: AgentSpec): string {
  const words = ['aether', 'run', '-d'];
  const program = spec.program;
  if (program.type === 'command') {
    if (program.stdin) words.push('-i');
    if (program.tty) words.push('-t');
  }
  if (spec.ephemeral) words.push('--rm');
  if (spec.name) words.push('--name', spec.name);
  for (const [key, value] of Object.entries(spec.env ?? {})) words.push('--env', `${key}=${value}`);
  if (spec.workdir) words.push('--workdir', spec.workdir);
  const { memoryBytes, cpus, pids, diskBytes, inodes } = spec.limits ?? {};
  if (memoryBytes != null) words.push('--memory', size(memoryBytes));
  if (cpus != null) words.push('--cpus', String(cpus));
  if (pids != null) words.push('--pids', String(pids));
  if (diskBytes != null) words.push('--disk', size(diskBytes));
  if (inodes != null) words.push('--inodes', String(inodes));
  if (spec.profile != null && spec.profile !== 'standard') words.push('--profile', spec.profile);
  words.push(...networkWords(spec));
  for (const mount of spec.mounts ?? []) {
    const from = mount.source.type === 'root' ? mount.source.path : mount.source.shown;
    words.push('--mount', `${from}:${mount.target}${mount.readOnly ? ':ro' : ''}`);
  }
  for (const use of spec.secrets ?? []) words.push('--secret', useWord(use));
  const budget = budgetWords(spec.budget);
  if (budget !== '') words.push('--budget', budget);
  if (program.type === 'goal') words.push(...ruleWords(spec.rules));
  for (const layer of spec.allowReduced ?? []) words.push('--allow-reduced', layer);
  if (program.type === 'command') return join([...words, '--', ...program.argv]);
  words.push('--goal', program.goal);
  if (program.role) words.push('--role', program.role);
  if (program.model) words.push('--model', program.model);
  if (program.maxSteps != null) words.push('--max-steps', String(program.maxSteps));
  if (program.template) words.push('--template', program.template);
  if (program.memory) words.push('--use-memory', program.memory);
  if (program.tools) words.push('--tools', program.tools.join(','));
  return join(words);
}

/** A rule that the command line has no words for is left out: what is pasted never reaches more. */
function networkWords(spec: AgentSpec): string[] {
  const words: string[] = [];
  const { allow, deny, presets, otherwise, open } = rulesOf(spec.network);
  const plain = allow.filter((rule) => !rule.methods?.length && !rule.paths?.length);
  if (spec.network === 'open' || otherwise === 'allow') words.push('--net', 'open');
  else if (otherwise === 'ask') words.push('--net', 'ask');
  else if (typeof spec.network === 'object' && plain.length + presets.length === 0)
    words.push('--net', 'allow');
  for (const rule of plain) {
    const host = rule.host.includes(':') && rule.ports?.length ? `[${rule.host}]` : rule.host;
    const ports = rule.ports?.length ? rule.ports.map((port) => `:${port}`) : [''];
    const program = rule.program ? `=${rule.program}` : '';
    for (const port of ports) words.push('--allow', host + port + program);
  }
  for (const host of deny) words.push('--deny', host);
  for (const preset of presets) words.push('--preset', preset);
  for (const host of open) words.push('--open-tls', host);
  if (spec.models?.length) words.push('--models', spec.models.join(','));
  if (spec.limits?.modelTokens != null) words.push('--model-tokens', String(spec.limits.modelTokens));
  return words;
}
