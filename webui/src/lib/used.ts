import type { CallUsage } from '@/api/generated';
import { bytes } from './format';

/** What a call used, in a few words; what is not counted is left out. */
export function usedWords(used: CallUsage): string {
  const { cpuUsec, memoryPeakBytes, largestProcessBytes, readBytes, writtenBytes, mostTasks } = used;
  const parts: string[] = [];
  if (cpuUsec !== null) parts.push(`CPU ${seconds(cpuUsec)}`);
  if (memoryPeakBytes !== null) parts.push(`memory ${bytes(memoryPeakBytes)}`);
  else if (largestProcessBytes !== null) parts.push(`largest process ${bytes(largestProcessBytes)}`);
  if (readBytes) parts.push(`read ${bytes(readBytes)}`);
  if (writtenBytes) parts.push(`written ${bytes(writtenBytes)}`);
  if (mostTasks !== null) parts.push(mostTasks === 1 ? '1 process' : `up to ${mostTasks} processes`);
  if (used.left > 0)
    parts.push(used.leftRunning ? `${used.left} go on` : `${used.left} left behind were killed`);
  return parts.join(' · ');
}

function seconds(usec: number): string {
  if (usec < 1_000_000) return `${Math.ceil(usec / 1000)} ms`;
  return usec < 100_000_000 ? `${(usec / 1_000_000).toFixed(2)} s` : `${Math.floor(usec / 1_000_000)} s`;
}
