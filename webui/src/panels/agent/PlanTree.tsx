import type { NodeStatus, Plan, PlanNode } from '@/api/generated';
import type { Mood } from '@/lib/mood';
import { Mark } from '@/ui/Mark';

const STATES: Record<NodeStatus, { mood: Mood; word: string; text: string }> = {
  pending: { mood: 'queued', word: 'to do', text: '' },
  active: { mood: 'working', word: 'under way', text: 'font-medium' },
  completed: { mood: 'done', word: 'done', text: 'text-muted' },
  failed: { mood: 'failed', word: 'failed', text: 'text-failed' },
  skipped: { mood: 'paused', word: 'skipped', text: 'text-muted line-through' },
};

/** A plan as the tree that it is; each part says how it stands by shape and by word. */
export function PlanTree({ plan }: { plan: Plan }) {
  return plan.nodes.length === 0 ? (
    <p className="text-13 text-muted">The plan has no parts yet.</p>
  ) : (
    <Nodes nodes={plan.nodes} label={`Plan: ${plan.goal}`} />
  );
}

function Nodes({ nodes, label }: { nodes: readonly PlanNode[]; label?: string }) {
  return (
    <ul aria-label={label} className={label ? '' : 'ml-1 border-l border-line pl-3'}>
      {nodes.map((node) => {
        const { mood, word, text } = STATES[node.status];
        return (
          <li key={node.id}>
            <p className="flex items-baseline gap-2 py-0.5 text-13">
              <span className="relative top-px">
                <Mark mood={mood} />
              </span>
              <span className={`min-w-0 flex-1 break-words ${text}`}>{node.title}</span>
              <span className="shrink-0 text-12 text-muted">
                {node.actualSteps ? `${node.actualSteps} ${node.actualSteps === 1 ? 'step' : 'steps'}, ` : ''}
                {word}
              </span>
            </p>
            {node.children.length > 0 && <Nodes nodes={node.children} />}
          </li>
        );
      })}
    </ul>
  );
}
