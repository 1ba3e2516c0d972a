import { useState } from 'react';
import type { AgentInfo } from '@/api/generated';
import { divide, steerAll, type Outcome } from '@/api/steering';
import { count } from '@/lib/format';
import { moodOf, wordOf } from '@/lib/mood';
import type { BulkAction } from '@/lib/selection';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { State } from '@/ui/Mark';
import { toast } from '@/ui/toast';

interface Props {
  action: BulkAction;
  agents: readonly AgentInfo[];
  onClose: (done: boolean) => void;
}

const VERBS: Record<BulkAction, { verb: string; about: string; danger: boolean }> = {
  pause: { verb: 'Pause', about: 'Everything in them stands still until you resume them.', danger: false },
  resume: { verb: 'Resume', about: 'They go on where they stood still.', danger: false },
  stop: {
    verb: 'Stop',
    about: 'Their programs are asked to end, and ended after 10 s. Their homes stay.',
    danger: true,
  },
  kill: { verb: 'Kill', about: 'Every process in them ends at once. Their homes stay.', danger: true },
  remove: {
    verb: 'Remove',
    about: 'Their homes with all files and their history are deleted. This cannot be undone.',
    danger: true,
  },
};

/** One confirmation for any number of agents: names what will be hit, and what will not and why. */
export function ConfirmDialog({ action, agents, onClose }: Props) {
  const [busy, setBusy] = useState(false);
  const [failures, setFailures] = useState<Outcome[] | null>(null);
  const { hit, spared } = divide(action, agents);
  const { verb, about, danger } = VERBS[action];

  const run = async () => {
    setBusy(true);
    const outcomes = await steerAll(action, hit);
    setBusy(false);
    const failed = outcomes.filter((each) => each.failed !== null);
    if (failed.length > 0) {
      setFailures(failed);
      return;
    }
    toast('done', `${verb}: ${hit.length === 1 ? hit[0]!.name : count(hit.length, 'agent')}`);
    onClose(true);
  };

  if (failures) {
    return (
      <Dialog
        open
        onClose={() => onClose(true)}
        title={`${failures.length} of ${hit.length} could not be done`}
        footer={<Button onClick={() => onClose(true)}>Close</Button>}
      >
        <ul className="flex flex-col divide-y divide-line">
          {failures.map(({ agent, failed }) => (
            <li key={agent.id} className="py-2 text-13">
              <span className="font-medium">{agent.name}</span> <span className="text-muted">{failed}</span>
            </li>
          ))}
        </ul>
      </Dialog>
    );
  }

  return (
    <Dialog
      open
      onClose={() => onClose(false)}
      title={hit.length === 1 ? `${verb} ${hit[0]!.name}?` : `${verb} ${count(hit.length, 'agent')}?`}
      about={about}
      footer={
        <>
          <Button onClick={() => onClose(false)}>Cancel</Button>
          <Button
            kind={danger ? 'danger' : 'primary'}
            busy={busy}
            onClick={run}
            refused={hit.length === 0 ? 'None of them can be.' : null}
          >
            {hit.length > 1 ? `${verb} ${count(hit.length, 'agent')}` : verb}
          </Button>
        </>
      }
    >
      <ul aria-label="Will be hit" className="divide-y divide-line rounded-sm border border-line">
        {hit.map((agent) => (
          <li key={agent.id} className="flex items-center gap-3 px-3 py-1.5 text-13">
            <span className="min-w-0 flex-1 truncate font-medium">{agent.name}</span>
            <State mood={moodOf(agent)} word={wordOf(agent)} />
          </li>
        ))}
      </ul>
      {spared.length > 0 && (
        <div className="mt-3 text-13 text-muted">
          <p>Left alone:</p>
          <ul className="mt-1">
            {spared.map(({ agent, why }) => (
              <li key={agent.id}>
                {agent.name}: {why}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  );
}
