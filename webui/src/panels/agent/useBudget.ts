import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import type { AgentBudget, AgentInfo } from '@/api/generated';
import { useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';

const EVERY_MS = 3000;

/** What an agent used and may use; asked again while it runs, and at once when something is said of it. */
export function useBudget(agent: AgentInfo) {
  const queries = useQueryClient();
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  const budget = useQuery({
    queryKey: ['budget', agent.id],
    queryFn: ({ signal }) => api.budget(agent.id, signal),
    refetchInterval: live ? EVERY_MS : false,
  });
  const changes = useChanges('budget', agent.id);
  useAgain(changes, budget);
  const set = useCallback(
    (next: AgentBudget) => queries.setQueryData(['budget', agent.id], next),
    [queries, agent.id],
  );
  return { budget: budget.data, set };
}
