import type { AgentProfile, MemoryLayer } from '@/api/generated';

export const LAYERS: Record<MemoryLayer, { title: string; about: string }> = {
  episodic: { title: 'Events', about: 'What happened' },
  semantic: { title: 'Facts', about: 'What it knows' },
  procedural: { title: 'Ways', about: 'How it does things' },
  social: { title: 'Others', about: 'What it knows of others' },
};
export const LAYER_NAMES = Object.keys(LAYERS) as MemoryLayer[];

/** What an agent is known for, in a sentence that claims nothing that was not counted. */
export function recordText(profile: AgentProfile): string {
  const runs = profile.completed + profile.failed;
  if (runs === 0) return 'It has finished no goal yet.';
  const rated =
    profile.ratings > 0 ? `, rated ${(profile.ratingSum / profile.ratings).toFixed(1)} of 5 by itself` : '';
  return `${profile.completed} of ${runs} ${runs === 1 ? 'goal' : 'goals'} reached${rated}.`;
}
