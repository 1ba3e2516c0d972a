import type { Shown } from '@/api/fleet';
import type { AgentInfo } from '@/api/generated';

/** What a person needs to know of an agent at a glance. */
export type Mood = 'working' | 'waiting' | 'paused' | 'queued' | 'failed' | 'done';

export const LIVE_MOODS: readonly Mood[] = ['working', 'waiting', 'paused', 'queued'];

export function moodOf(agent: Pick<Shown, 'state' | 'phase' | 'exit' | 'heldBy' | 'asks'>): Mood {
  switch (agent.state) {
    case 'queued':
      return 'queued';
    case 'paused':
    case 'stopped':
      return 'paused';
    case 'sleeping':
      return 'waiting';
    case 'dead':
      return failed(agent) ? 'failed' : 'done';
    default:
      return agent.phase === 'waiting' || agent.heldBy || agent.asks ? 'waiting' : 'working';
  }
}

function failed(agent: Pick<AgentInfo, 'phase' | 'exit'>): boolean {
  return (
    agent.phase === 'failed' || (agent.exit != null && (agent.exit.code !== 0 || agent.exit.signal != null))
  );
}

const PHASES: Record<AgentInfo['phase'], string> = {
  booting: 'Starting',
  thinking: 'Thinking',
  executing: 'Running',
  waiting: 'Waiting for you',
  observing: 'Reading',
  idle: 'Idle',
  completed: 'Completed',
  failed: 'Failed',
};

/** State and phase in one or two words. */
export function wordOf(
  agent: Pick<Shown, 'state' | 'phase' | 'exit' | 'queuePosition' | 'heldBy' | 'asks'>,
): string {
  switch (agent.state) {
    case 'queued':
      return agent.queuePosition ? `Queued, place ${agent.queuePosition}` : 'Queued';
    case 'created':
      return 'Starting';
    case 'paused':
      return 'Paused';
    case 'stopped':
      return 'Stopped by signal';
    case 'sleeping':
      return 'Waiting for you';
    case 'zombie':
      return 'Ending';
    case 'dead':
      return endWord(agent);
    case 'running':
      if (agent.heldBy) return `Held by ${agent.heldBy}`;
      return agent.asks ? 'Asks you' : PHASES[agent.phase];
  }
}

function endWord(agent: Pick<AgentInfo, 'phase' | 'exit'>): string {
  const exit = agent.exit;
  if (exit?.signal) return exit.signal === 'SIGTERM' ? 'Stopped' : `Ended by ${exit.signal}`;
  if (exit && exit.code !== 0) return `Failed, exit ${exit.code}`;
  return agent.phase === 'failed' ? 'Failed' : 'Completed';
}

/** What the agent runs, in one line. */
export function purposeOf(agent: Pick<AgentInfo, 'spec'>): string {
  const program = agent.spec.program;
  return program.type === 'goal' ? program.goal : program.argv.join(' ');
}

/** Role for people: the goal's role, or what kind of agent this is. */
export function roleOf(agent: Pick<AgentInfo, 'spec' | 'role'>): string {
  if (agent.role) return agent.role;
  return agent.spec.program.type === 'goal' ? 'Goal' : 'Program';
}
