import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { AgentInfo } from '@/api/generated';
import { fleet } from '@/api/live';
import * as api from '@/api/minds';
import { useSubmit } from '@/lib/submit';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { CheckField, TextArea, TextField } from '@/ui/Field';
import { ErrorNotice } from '@/ui/Notice';
import { toast } from '@/ui/toast';

/** Another model or other tools from its next step on. A call whose tool it has lost by then is refused. */
export function SteerDialog({ agent, onClose }: { agent: AgentInfo; onClose: () => void }) {
  const goal = agent.spec.program.type === 'goal' ? agent.spec.program : null;
  const [model, setModel] = useState(agent.model ?? goal?.model ?? '');
  const [every, setEvery] = useState(goal?.tools == null);
  const [tools, setTools] = useState((goal?.tools ?? []).join('\n'));
  const report = useQuery({ queryKey: ['llm'], queryFn: ({ signal }) => api.models(signal) });
  const names = tools.split(/[\s,]+/).filter(Boolean);
  const steering: api.Steering = {
    ...(model.trim() !== '' && model.trim() !== agent.model ? { model: model.trim() } : {}),
    ...(every && goal?.tools != null ? { allTools: true } : {}),
    ...(!every && names.join(' ') !== (goal?.tools ?? []).join(' ') ? { tools: names } : {}),
  };
  const nothing = Object.keys(steering).length === 0;
  const { busy, refused, submit } = useSubmit(async () => {
    if (nothing) return;
    fleet.put(await api.change(agent.id, steering));
    toast('done', `${agent.name} goes on so from its next step`);
    onClose();
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Model and tools of ${agent.name}`}
      about="In force from its next step on."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            type="submit"
            form="steer"
            busy={busy}
            refused={nothing ? 'Nothing is changed yet.' : null}
          >
            Change
          </Button>
        </>
      }
    >
      <form id="steer" noValidate onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          label="Model"
          mono
          autoFocus
          list="steer-models"
          value={model}
          onChange={(event) => setModel(event.target.value)}
          placeholder="provider/model, auto or heuristic"
        />
        <datalist id="steer-models">
          {(report.data?.providers ?? [])
            .filter((each) => each.state === 'available')
            .flatMap((each) => [each.name, ...each.models.map((one) => `${each.name}/${one}`)])
            .map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
        </datalist>
        <CheckField
          label="Every tool there is"
          checked={every}
          onChange={(event) => setEvery(event.target.checked)}
        />
        {!every && (
          <TextArea
            label="Tools"
            mono
            rows={5}
            value={tools}
            onChange={(event) => setTools(event.target.value)}
            hint="One a line, beside complete, which it always has."
            placeholder={'read_file\nlist_files'}
          />
        )}
        {refused && <ErrorNotice error={refused} />}
      </form>
    </Dialog>
  );
}
