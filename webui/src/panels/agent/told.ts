import type { Event, Plan, PlanNode } from '@/api/generated';
import { KIND_LABELS, SCOPES, amount } from '@/lib/budget';
import { count } from '@/lib/format';
import type { Row } from './timeline';

/** The name of an agent by its id, or the id where nobody knows. */
export type Who = (id: string) => string;

type Told = Omit<Row, 'seq' | 'at'>;

const told = (row: Partial<Told> & Pick<Told, 'label' | 'line'>): Told => ({
  tone: 'service',
  more: null,
  told: true,
  ...row,
});

/** What the service says about a run: its budget, guard, plan, memory and letters; null for other events. */
export function toldOf(event: Event, who: Who): Told | null {
  switch (event.type) {
    case 'agent.compacted':
      return told({
        label: 'Summary',
        line: `${count(event.summedUp, 'old step')} summed up: the model reads about ${event.tokensAfter.toLocaleString()} tokens instead of ${event.tokensBefore.toLocaleString()}`,
      });
    case 'agent.held':
      return told({
        tone: 'person',
        label: 'Held',
        line: `${event.by} types in its terminal; it begins nothing new meanwhile`,
      });
    case 'agent.released':
      return told({
        tone: 'person',
        label: 'Back',
        line: `${event.by} ${event.handed ? 'gave it back' : 'has typed nothing for a while'}; it goes on`,
      });
    case 'agent.steered':
      return told({
        tone: 'person',
        label: 'Steered',
        line: [
          event.tools === null ? 'every tool' : `tools ${event.tools.join(', ') || 'none but complete'}`,
          event.model && `model ${event.model}`,
        ]
          .filter(Boolean)
          .join(', '),
      });
    case 'guard.suspicion':
      return told({
        tone: 'failed',
        label: 'Warning',
        line: `${event.place} of ${event.tool}: ${event.suspicions.map((one) => one.kind).join(', ')}`,
        more: event.suspicions.map((one) => `${one.kind}: ${one.excerpt}`).join('\n'),
      });
    case 'budget.warning':
      return told({
        tone: 'waiting',
        label: 'Budget',
        line: `four fifths are used: ${lineText(event.line)}`,
      });
    case 'resource.exceeded':
      return told({ tone: 'failed', label: 'Frozen', line: `used up: ${lineText(event.line)}` });
    case 'agent.runaway':
      return told({ tone: 'failed', label: 'Frozen', line: event.why });
    case 'agent.postMortem':
      return told({
        label: 'Found',
        line: `why it was frozen: ${event.postMortem.why}`,
        more: event.postMortem.lastSteps.join('\n') || null,
      });
    case 'plan.created':
    case 'plan.updated':
      return told({
        label: 'Plan',
        line: `${event.type === 'plan.created' ? 'made' : 'changed'}: ${planLine(event.plan)}`,
        more: planText(event.plan.nodes, 0),
      });
    case 'memory.stored':
      return told({ label: 'Memory', line: `keeps number ${event.memoryId} (${event.layer})` });
    case 'memory.forgotten':
      return told({ label: 'Memory', line: `forgot number ${event.memoryId}` });
    case 'memory.consolidated':
      return told({ label: 'Memory', line: `${count(event.removed, 'memory', 'memories')} faded and went` });
    case 'reflection.stored': {
      const { rating, outcome, summary } = event.reflection;
      return told({
        label: 'Review',
        line: rating == null ? outcome : `${outcome}, rates it ${rating} of 5`,
        more: summary,
      });
    }
    case 'feedback.submitted': {
      const { rating, step, by, comment } = event.feedback;
      const line = `${rating > 0 ? 'good' : 'bad'}: step ${step}, says ${by}`;
      return told({ tone: 'person', label: 'Rated', line, more: comment || null });
    }
    case 'ipc.message':
      return told({
        label: 'Letter',
        line: `${event.message.kind.replaceAll('_', ' ')} from ${who(event.message.from)} to ${who(event.message.to)}`,
        more: event.message.content,
      });
    case 'agent.spawned':
      return told({ label: 'Child', line: `started ${who(event.child)}, number ${event.childPid}` });
    case 'ipc.delivered':
      return told({ label: 'Letter', line: `number ${event.messageId} was read` });
    default:
      return null;
  }
}

type Line = Extract<Event, { type: 'budget.warning' }>['line'];

function lineText({ kind, scope, used, limit }: Line): string {
  const whose = SCOPES[scope] && ` (${SCOPES[scope]})`;
  return `${KIND_LABELS[kind].toLowerCase()} ${amount(kind, used)} of ${amount(kind, limit)}${whose}`;
}

/** How far a plan is: `3 of 7 done`. */
export function planLine(plan: Pick<Plan, 'nodes'>): string {
  const all = leaves(plan.nodes);
  const over = all.filter((node) => node.status === 'completed' || node.status === 'skipped').length;
  const failed = all.filter((node) => node.status === 'failed').length;
  return `${over} of ${all.length} done${failed > 0 ? `, ${failed} failed` : ''}`;
}

function leaves(nodes: readonly PlanNode[]): PlanNode[] {
  return nodes.flatMap((node) => (node.children.length > 0 ? leaves(node.children) : [node]));
}

function planText(nodes: readonly PlanNode[], depth: number): string {
  return nodes
    .map((node) =>
      [`${'  '.repeat(depth)}${node.status}: ${node.title}`, planText(node.children, depth + 1)]
        .filter(Boolean)
        .join('\n'),
    )
    .join('\n');
}
