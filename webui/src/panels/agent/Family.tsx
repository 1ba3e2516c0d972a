import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { AgentInfo, TreeNode } from '@/api/generated';
import { useAgent, useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';
import { shortAmount } from '@/lib/budget';
import { moodOf, purposeOf, wordOf } from '@/lib/mood';
import { Mark } from '@/ui/Mark';

/** The agent and everybody that it started, each before its own children; empty without any. */
export function useFamily(agent: AgentInfo): readonly TreeNode[] {
  const tree = useQuery({
    queryKey: ['tree', agent.id],
    queryFn: ({ signal }) => api.tree(agent.id, signal),
  });
  const changes = useChanges('tree', agent.id);
  useAgain(changes, tree);
  const nodes = tree.data?.nodes ?? [];
  return nodes.length > 1 ? nodes : NOBODY;
}

const NOBODY: readonly TreeNode[] = [];

/** Who started whom, how each one stands, and what it used. */
export function Family({ nodes, own }: { nodes: readonly TreeNode[]; own: string }) {
  return (
    <ul aria-label="Agents started by this one">
      {nodes.map((node) => (
        <Member key={node.agent.id} node={node} own={node.agent.id === own} />
      ))}
    </ul>
  );
}

function Member({ node, own }: { node: TreeNode; own: boolean }) {
  // How it stands changes by events; the tree is asked for only when somebody is born.
  const agent = useAgent(node.agent.id) ?? node.agent;
  return (
    <li className="flex gap-2 py-1 text-13" style={{ paddingLeft: Math.min(node.depth, 6) * 14 }}>
      <span className="mt-1 shrink-0">
        <Mark mood={moodOf(agent)} />
      </span>
      <div className="min-w-0 flex-1">
        <p className="flex items-baseline gap-2">
          <span className="min-w-0 truncate" title={purposeOf(agent)}>
            {own ? (
              <span className="font-medium">{agent.name}</span>
            ) : (
              <Link
                to="/agents/$ref"
                params={{ ref: agent.id }}
                className="underline decoration-line-strong underline-offset-2 hover:decoration-current"
              >
                {agent.name}
              </Link>
            )}
          </span>
          <span className="shrink-0 text-12 text-muted">{wordOf(agent)}</span>
        </p>
        <p className="figures text-12 text-muted">
          {shortAmount('tokens', node.spent.tokens)} tokens, {shortAmount('cost', node.spent.costMicrousd)}
        </p>
      </div>
    </li>
  );
}
