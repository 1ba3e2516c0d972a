import { Pause, Play, Skull, Square, Trash2, X } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import type { AgentInfo } from '@/api/generated';
import { fleet, useOverview } from '@/api/live';
import { divide } from '@/api/steering';
import { count } from '@/lib/format';
import type { BulkAction } from '@/lib/selection';
import { Button, IconButton } from '@/ui/Button';
import { ConfirmDialog } from '../ConfirmDialog';

const ACTIONS: { action: BulkAction; label: string; icon: ReactNode; none: string }[] = [
  { action: 'pause', label: 'Pause', icon: <Pause size={14} />, none: 'None of them runs.' },
  { action: 'resume', label: 'Resume', icon: <Play size={14} />, none: 'None of them is paused.' },
  { action: 'stop', label: 'Stop', icon: <Square size={14} />, none: 'All of them have ended.' },
  { action: 'kill', label: 'Kill', icon: <Skull size={14} />, none: 'All of them have ended.' },
  { action: 'remove', label: 'Remove', icon: <Trash2 size={14} />, none: 'None of them has ended.' },
];

/** What can be done to the selected agents that are shown. */
export function SelectionBar({ ids, onClear }: { ids: readonly string[]; onClear: () => void }) {
  const [asked, setAsked] = useState<{ action: BulkAction; agents: AgentInfo[] } | null>(null);
  // Renders again when a state changes, so that the buttons stay true.
  useOverview((agents) => agents.filter((agent) => ids.includes(agent.id)).map((agent) => agent.state));
  const agents = ids.flatMap((id) => fleet.get(id) ?? []);
  return (
    <div
      role="toolbar"
      aria-label="Selection"
      className="fade-in mt-auto flex flex-wrap items-center gap-2 border-t border-line bg-raised px-4 py-2"
    >
      <span className="text-13 font-medium">{count(ids.length, 'agent')} selected</span>
      <IconButton label="Clear selection" onClick={onClear}>
        <X size={15} />
      </IconButton>
      <span className="flex-1" />
      {ACTIONS.map(({ action, label, icon, none }) => (
        <Button
          key={action}
          icon={icon}
          refused={divide(action, agents).hit.length === 0 ? none : null}
          onClick={() => setAsked({ action, agents })}
        >
          {label}
        </Button>
      ))}
      {asked && (
        <ConfirmDialog
          action={asked.action}
          agents={asked.agents}
          onClose={(done) => {
            setAsked(null);
            if (done) onClear();
          }}
        />
      )}
    </div>
  );
}
