import { useCallback, useState } from 'react';
import { refusal, type BulkAction } from '@/lib/selection';
import { toast } from '@/ui/toast';
import { removeAgent, steer } from './agents';
import type { AgentInfo } from './generated';
import { refusalOf } from './http';
import { fleet } from './live';

const DONE: Record<BulkAction, string> = {
  pause: 'Paused',
  resume: 'Resumed',
  stop: 'Asked to stop',
  kill: 'Killed',
  remove: 'Removed',
};

async function one(action: BulkAction, agent: AgentInfo) {
  if (action === 'remove') {
    await removeAgent(agent.id);
    fleet.forget(agent.id);
    return;
  }
  const after = await steer(agent.id, action);
  if (after?.id === agent.id) fleet.put(after);
}

export interface Outcome {
  agent: AgentInfo;
  failed: string | null;
}

/** Does an action to several agents, a few at a time, and says how each went. */
export async function steerAll(action: BulkAction, agents: readonly AgentInfo[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...agents];
  const work = async () => {
    for (let agent = queue.shift(); agent; agent = queue.shift()) {
      try {
        await one(action, agent);
        outcomes.push({ agent, failed: null });
      } catch (cause) {
        outcomes.push({ agent, failed: refusalOf(cause).message });
      }
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return outcomes;
}

/** One action on one agent, with its outcome as a message. */
export function useSteering() {
  const [busy, setBusy] = useState<BulkAction | null>(null);
  const run = useCallback(async (action: BulkAction, agent: AgentInfo): Promise<boolean> => {
    setBusy(action);
    try {
      await one(action, agent);
      toast('done', `${DONE[action]}: ${agent.name}`);
      return true;
    } catch (cause) {
      const { message, hint } = refusalOf(cause);
      toast('failed', message, hint);
      return false;
    } finally {
      setBusy(null);
    }
  }, []);
  return { busy, run };
}

/** The agents an action can be done to, and those it cannot with the reason. */
export function divide(action: BulkAction, agents: readonly AgentInfo[]) {
  const hit: AgentInfo[] = [];
  const spared: { agent: AgentInfo; why: string }[] = [];
  for (const agent of agents) {
    const why = refusal(action, agent);
    if (why === null) hit.push(agent);
    else spared.push({ agent, why });
  }
  return { hit, spared };
}
