/** What an agent's page can show; the name is in the URL. */
export const PANES = [
  'terminal',
  'timeline',
  'mind',
  'files',
  'network',
  'resources',
  'isolation',
  'events',
] as const;
export type Pane = (typeof PANES)[number];

export const PANE_LABELS: Record<Pane, string> = {
  terminal: 'Terminal',
  timeline: 'Timeline',
  mind: 'Mind',
  files: 'Files',
  network: 'Network',
  resources: 'Resources',
  isolation: 'Isolation',
  events: 'Events',
};
