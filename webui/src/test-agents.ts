import type { AgentInfo, ExitInfo } from '@/api/generated';

interface Wish extends Partial<Omit<AgentInfo, 'exit'>> {
  goal?: string;
  exit?: ExitInfo | null;
}

/** An agent for unit tests; everything but what a test names is plain. */
export function agent({ goal, ...rest }: Wish = {}): AgentInfo {
  const number = rest.number ?? 1;
  return {
    id: `agentaaaaa${String(number).padStart(2, '0')}`,
    number,
    uid: `agent_${number}`,
    name: `agent-${number}`,
    owner: 'operator',
    pid: 4000 + number,
    state: 'running',
    phase: 'executing',
    role: null,
    spec: { program: goal ? { type: 'goal', goal } : { type: 'command', argv: ['sleep', '60'] } },
    model: null,
    step: 0,
    maxSteps: null,
    queuePosition: null,
    cgroup: null,
    uidRange: null,
    enforcement: null,
    home: '/home/agent',
    createdAt: `2026-11-20T12:00:${String(number).padStart(2, '0')}.000Z`,
    startedAt: null,
    endedAt: null,
    exit: null,
    lastAction: null,
    usage: null,
    disk: null,
    parent: null,
    ...rest,
  };
}
