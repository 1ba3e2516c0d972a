import { useState } from 'react';
import type { AgentInfo, Memory, MemoryLayer } from '@/api/generated';
import { useOverview } from '@/api/live';
import * as api from '@/api/minds';
import { LAYERS, LAYER_NAMES } from '@/lib/memory';
import { useSubmit } from '@/lib/submit';
import { Button } from '@/ui/Button';
import { Choice } from '@/ui/Choice';
import { Dialog } from '@/ui/Dialog';
import { TextArea, TextField } from '@/ui/Field';
import { ErrorNotice } from '@/ui/Notice';
import { toast } from '@/ui/toast';

/** Has an agent remember something that a person knows. */
export function RememberDialog({ agent, onClose }: { agent: AgentInfo; onClose: (done: boolean) => void }) {
  const [content, setContent] = useState('');
  const [layer, setLayer] = useState<MemoryLayer>('semantic');
  const [tags, setTags] = useState('');
  const { busy, refused, submit } = useSubmit(async () => {
    if (content.trim() === '') return;
    const words = tags.split(/[\s,]+/).filter(Boolean);
    await api.remember(agent.id, {
      layer,
      content: content.trim(),
      ...(words.length > 0 ? { tags: words } : {}),
    });
    onClose(true);
  });
  return (
    <Dialog
      open
      onClose={() => onClose(false)}
      title={`Have ${agent.name} remember`}
      footer={
        <>
          <Button onClick={() => onClose(false)}>Cancel</Button>
          <Button
            kind="primary"
            type="submit"
            form="remember"
            busy={busy}
            refused={content.trim() === '' ? 'Write what it should remember.' : null}
          >
            Remember
          </Button>
        </>
      }
    >
      <form id="remember" onSubmit={submit} className="flex flex-col gap-4">
        <TextArea
          label="What"
          rows={4}
          autoFocus
          value={content}
          onChange={(event) => setContent(event.target.value)}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <Choice
            label="Layer"
            value={layer}
            onChange={(next) => setLayer(next as MemoryLayer)}
            options={LAYER_NAMES.map((each) => [each, `${LAYERS[each].title}: ${LAYERS[each].about}`])}
          />
          <TextField
            label="Tags"
            value={tags}
            onChange={(event) => setTags(event.target.value)}
            placeholder="build, parser"
          />
        </div>
        {refused && <ErrorNotice error={refused} />}
      </form>
    </Dialog>
  );
}

interface ShareProps {
  agent: AgentInfo;
  memory: Memory;
  onClose: () => void;
}

/** Gives a copy of a memory to another agent of the same owner. */
export function ShareDialog({ agent, memory, onClose }: ShareProps) {
  const others = useOverview((agents) =>
    agents
      .filter(
        (each) => each.id !== agent.id && each.owner === agent.owner && each.spec.program.type === 'goal',
      )
      .toSorted((a, b) => b.number - a.number)
      .map((each): [string, string] => [each.id, each.name]),
  );
  const [to, setTo] = useState('');
  const { busy, refused, submit } = useSubmit(async () => {
    if (to === '') return;
    await api.share(agent.id, memory.id, to);
    toast('done', `Given to ${others.find(([id]) => id === to)?.[1] ?? to}`);
    onClose();
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title="Give a memory to another agent"
      about="A copy goes there and weighs four fifths. Only agents of the same owner are offered."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            type="submit"
            form="share"
            busy={busy}
            refused={to === '' ? 'Choose an agent.' : null}
          >
            Give
          </Button>
        </>
      }
    >
      <form id="share" onSubmit={submit} className="flex flex-col gap-4">
        <blockquote className="max-h-40 overflow-y-auto rounded-sm border border-line bg-canvas px-3 py-2 text-13 break-words whitespace-pre-wrap">
          {memory.content}
        </blockquote>
        <Choice
          label="To"
          first
          value={to}
          onChange={setTo}
          options={[
            ['', others.length > 0 ? 'Choose an agent' : 'There is no other goal of this owner'],
            ...others,
          ]}
        />
        {refused && <ErrorNotice error={refused} />}
      </form>
    </Dialog>
  );
}
