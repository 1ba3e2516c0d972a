import { useState } from 'react';
import { mkdir, move, removeFile } from '@/api/agents';
import type { AgentInfo, FileEntry } from '@/api/generated';
import { childOf } from '@/lib/paths';
import { useSubmit } from '@/lib/submit';
import { Button } from '@/ui/Button';
import { Dialog } from '@/ui/Dialog';
import { TextField } from '@/ui/Field';
import { ErrorNotice } from '@/ui/Notice';

export type FileQuestion =
  { kind: 'mkdir'; in: string } | { kind: 'move'; entry: FileEntry } | { kind: 'delete'; entry: FileEntry };

interface Props {
  agent: AgentInfo;
  question: FileQuestion;
  onClose: (done: boolean) => void;
}

/** Asks for a name, or whether to delete, and does it. */
export function FileDialog({ agent, question, onClose }: Props) {
  const [text, setText] = useState(question.kind === 'move' ? question.entry.path : '');
  const words = WORDS[question.kind];

  const {
    busy,
    refused: error,
    submit,
  } = useSubmit(async () => {
    if (question.kind === 'mkdir') await mkdir(agent.id, childOf(question.in, text.trim()));
    else if (question.kind === 'move') await move(agent.id, question.entry.path, text.trim());
    else await removeFile(agent.id, question.entry.path, question.entry.kind === 'directory');
    onClose(true);
  });

  const title = question.kind === 'mkdir' ? words.title : `${words.title} ${question.entry.name}`;
  return (
    <Dialog
      open
      onClose={() => onClose(false)}
      title={question.kind === 'delete' ? `${title}?` : title}
      about={
        question.kind === 'delete' && question.entry.kind === 'directory'
          ? 'With everything in it. This cannot be undone.'
          : question.kind === 'delete'
            ? 'This cannot be undone.'
            : undefined
      }
      footer={
        <>
          <Button onClick={() => onClose(false)}>Cancel</Button>
          <Button
            type="submit"
            form="file"
            kind={question.kind === 'delete' ? 'danger' : 'primary'}
            busy={busy}
            refused={question.kind !== 'delete' && text.trim() === '' ? 'Give a name first.' : null}
          >
            {words.verb}
          </Button>
        </>
      }
    >
      <form id="file" onSubmit={submit} className="flex flex-col gap-3">
        {question.kind !== 'delete' && (
          <TextField
            label={words.field}
            mono
            autoFocus
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
        {question.kind === 'delete' && <p className="font-mono text-12 break-all">{question.entry.path}</p>}
        {error && <ErrorNotice error={error} />}
      </form>
    </Dialog>
  );
}

const WORDS = {
  mkdir: { title: 'New directory', verb: 'Create', field: 'Name' },
  move: { title: 'Rename or move', verb: 'Move', field: 'New path' },
  delete: { title: 'Delete', verb: 'Delete', field: '' },
};
