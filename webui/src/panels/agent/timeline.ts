import type { ApprovalWish, Decision, Event } from '@/api/generated';
import { effectOf, type Effect, type Written } from '@/lib/effects';
import { count } from '@/lib/format';
import { usedWords } from '@/lib/used';
import { dollars } from '@/lib/models';
import { destinationText, policyLine } from '@/lib/network';
import { effectText, wishText } from '@/lib/wish';
import { toldOf, type Who } from './told';

export type Tone = 'thought' | 'action' | 'observation' | 'person' | 'service' | 'waiting' | 'failed';

export interface Row {
  seq: number;
  at: string;
  tone: Tone;
  label: string;
  /** One line that is always shown. */
  line: string;
  /** More than the line, shown when unfolded. */
  more: string | null;
  /** The service's own words, not a program's output. */
  told?: true;
  /** What a call is about to do. */
  effect?: Effect;
  /** What a call used, and beside it what is not counted and why. */
  used?: { words: string; why: string };
  /** The beginning of a step, with its number. */
  step?: number;
}

/** What calls do, so that a list that grows by one event compares no file again. */
const effects = new WeakMap<Event, Effect | null>();

/** What the timeline shows of an agent's events, in order; each step begins with a row of its own. */
export function rowsOf(events: readonly Event[], who: Who = (id) => id): Row[] {
  const rows: Row[] = [];
  const written = new Map<string, Written>();
  for (const event of events) {
    const row = rowOf(event, who);
    if (event.type === 'agent.action') {
      let effect = effects.get(event);
      if (effect === undefined) {
        effect = effectOf(event.tool, event.args, (path) => written.get(path));
        effects.set(event, effect);
      }
      if (effect?.kind === 'write')
        written.set(effect.path, { content: contentOf(event.args), step: event.step });
      if (row && effect) rows.push(withEffect(row, effect));
      else if (row) rows.push(row);
      continue;
    }
    if (!row) continue;
    // The thought is written before the step that it begins.
    const last = rows[rows.length - 1];
    if (event.type === 'agent.progress' && last?.tone === 'thought') rows.splice(-1, 0, row);
    else rows.push(row);
  }
  return rows;
}

const contentOf = (args: unknown) => String((args as { content: unknown }).content);

function withEffect(row: Row, effect: Effect): Row {
  if (effect.kind === 'other') return { ...row, effect };
  const line =
    effect.kind === 'command' ? (effect.command.split('\n', 1)[0] ?? '') : `${row.line} ${effect.change}`;
  // A command of one line says everything there is.
  const more = effect.kind === 'command' && line === effect.command && line.length <= 160 ? null : row.line;
  return { ...row, line, more, effect };
}

/** What the timeline shows of an event; null for those that only matter to the machine. */
export function rowOf(event: Event, who: Who = (id) => id): Row | null {
  const base = { seq: event.seq, at: event.at };
  switch (event.type) {
    case 'agent.thought':
      return { ...base, tone: 'thought', label: 'Thought', ...fold(event.thought) };
    case 'agent.action':
      return { ...base, tone: 'action', label: 'Action', ...actionText(event.tool, event.args) };
    case 'agent.observation':
      return {
        ...base,
        tone: event.ok ? 'observation' : 'failed',
        label: event.ok ? 'Result' : 'Failed',
        ...resultText(event.result),
        ...(event.used && { used: { words: usedWords(event.used), why: event.used.absent.join('\n') } }),
      };
    case 'agent.userMessage':
      return { ...base, tone: 'person', label: 'You', ...fold(event.content) };
    case 'agent.completed':
      return { ...base, tone: 'service', label: 'Completed', ...fold(event.summary) };
    case 'agent.progress':
      return { ...base, tone: 'service', label: `Step ${event.step}`, ...stepText(event), step: event.step };
    case 'agent.log':
      return {
        ...base,
        tone: event.level === 'error' ? 'failed' : 'service',
        label: /^\S+ answers: /.test(event.message) ? 'Model' : 'Note',
        told: true,
        ...fold(event.message),
      };
    case 'agent.paused':
      return {
        ...base,
        tone: 'service',
        label: 'Paused',
        line: 'Everything in it stands still.',
        more: null,
      };
    case 'agent.resumed':
      return { ...base, tone: 'service', label: 'Resumed', line: 'It goes on.', more: null };
    case 'process.spawned':
      return { ...base, tone: 'service', label: 'Deployed', line: `by ${event.info.owner}`, more: null };
    case 'process.queued':
      return {
        ...base,
        tone: 'service',
        label: 'Queued',
        line: `place ${event.position}, priority ${event.priority}`,
        more: null,
      };
    case 'process.exit':
      return {
        ...base,
        tone: event.exit.code === 0 ? 'service' : 'failed',
        label: 'Ended',
        line: endLine(event.exit),
        more: null,
      };
    case 'network.verdict':
      // What is held is told by the wish itself.
      return event.verdict === 'held' ? null : { ...base, ...verdictText(event) };
    case 'network.policy':
      return { ...base, tone: 'service', label: 'Policy', line: policyLine(event.policy), more: null };
    case 'approval.requested':
      return {
        ...base,
        tone: 'waiting',
        label: 'Asks',
        line: wishLine(event.approval.wish),
        more: effectText(event.approval.wish),
      };
    case 'approval.decided':
      return {
        ...base,
        tone: event.decision === 'deny' ? 'failed' : 'person',
        told: true,
        label: 'Answer',
        line:
          event.by === 'nobody'
            ? 'denied: nobody answered in time'
            : `${WORDS[event.decision]} by ${event.by}`,
        more: event.reason,
      };
    default: {
      const row = toldOf(event, who);
      return row && { ...base, ...row };
    }
  }
}

/** Who answered and what that cost. */
function stepText(event: Extract<Event, { type: 'agent.progress' }>): Pick<Row, 'line' | 'more'> {
  const line = [
    event.model,
    event.tokens != null && `${event.tokens.toLocaleString()} tokens`,
    event.costMicrousd != null && dollars(event.costMicrousd),
  ]
    .filter(Boolean)
    .join(' · ');
  return { line, more: null };
}

function wishLine(wish: ApprovalWish): string {
  const { verb, what } = wishText(wish);
  return `to ${verb} ${what}`;
}

const WORDS: Record<Decision, string> = {
  once: 'allowed once',
  always: 'allowed from now on',
  deny: 'denied',
};

function verdictText(event: Extract<Event, { type: 'network.verdict' }>): Omit<Row, 'seq' | 'at'> {
  const times = event.count > 1 ? `, ${count(event.count, 'time')}` : '';
  const to = destinationText(event) + times;
  return event.verdict === 'denied'
    ? { tone: 'failed', told: true, label: 'Denied', line: `${to}: ${event.reason}`, more: null }
    : { tone: 'service', label: 'Network', line: `reached ${to}: ${event.reason}`, more: null };
}

function endLine(exit: { code: number; signal?: string | null; reason?: string | null }): string {
  const how = exit.signal ? `by ${exit.signal}` : `with exit status ${exit.code}`;
  return exit.reason ? `${how}: ${exit.reason}` : how;
}

function fold(text: string): { line: string; more: string | null } {
  const trimmed = text.trimEnd();
  const first = trimmed.split('\n', 1)[0] ?? '';
  return {
    line: first === '' ? '(empty)' : first,
    more: trimmed === first && first.length <= 160 ? null : trimmed,
  };
}

/** A command's result starts with its status; what it printed tells more in one line. */
function resultText(text: string): { line: string; more: string | null } {
  const whole = fold(text);
  const command = /^exit status (\d+)\n(?:stdout|stderr):\n/.exec(text);
  if (!command) return whole;
  const printed = text.slice(command[0].length).trimStart().split('\n', 1)[0] ?? '';
  if (printed === '' || /^stderr:$/.test(printed)) return whole;
  return { line: command[1] === '0' ? printed : `exit ${command[1]}: ${printed}`, more: text.trimEnd() };
}

function actionText(tool: string, args: unknown): { line: string; more: string | null } {
  if (typeof args !== 'object' || args === null) return { line: tool, more: null };
  const entries = Object.entries(args as Record<string, unknown>);
  const main = entries.find(([key]) => key === 'command' || key === 'path' || key === 'from') ?? entries[0];
  if (!main) return { line: tool, more: null };
  const text = plain(main[1]);
  const line = `${tool} ${text.split('\n', 1)[0]}`;
  const whole = entries.length > 1 || text.includes('\n') || line.length > 160;
  return { line, more: whole ? entries.map(([key, value]) => `${key}: ${plain(value)}`).join('\n') : null };
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plain).join(' ');
  return JSON.stringify(value, null, 2) ?? '';
}
