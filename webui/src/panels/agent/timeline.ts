import type { ApprovalWish, Decision, Event } from '@/api/generated';
import { count } from '@/lib/format';
import { destinationText, policyLine } from '@/lib/network';
import { effectText, wishText } from '@/lib/wish';

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
}

/** What the timeline shows of an event; null for those that only matter to the machine. */
export function rowOf(event: Event): Row | null {
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
      };
    case 'agent.userMessage':
      return { ...base, tone: 'person', label: 'You', ...fold(event.content) };
    case 'agent.completed':
      return { ...base, tone: 'service', label: 'Completed', ...fold(event.summary) };
    case 'agent.log':
      return {
        ...base,
        tone: event.level === 'error' ? 'failed' : 'service',
        label: 'Note',
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
        more: null,
      };
    default:
      return null;
  }
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
