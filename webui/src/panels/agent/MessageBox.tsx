import { Send } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { message } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { refusalOf, type Refusal } from '@/api/http';
import { Button } from '@/ui/Button';
import { ErrorNotice } from '@/ui/Notice';

/** Writes to the built-in agent; it reads before its next step. */
export function MessageBox({ agent }: { agent: AgentInfo }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Refusal | null>(null);
  const ended = agent.state === 'dead';
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() === '' || busy || ended) return;
    setBusy(true);
    setError(null);
    try {
      await message(agent.id, text.trim());
      setText('');
    } catch (cause) {
      setError(refusalOf(cause));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form onSubmit={send} className="border-t border-line bg-surface p-3">
      {error && (
        <div className="mb-2">
          <ErrorNotice error={error} />
        </div>
      )}
      <div className="flex items-center gap-2">
        <input
          aria-label={`Message to ${agent.name}`}
          placeholder={
            ended
              ? 'It has ended and reads no more messages'
              : 'Write to this agent; it reads before its next step'
          }
          value={text}
          disabled={ended}
          onChange={(event) => setText(event.target.value)}
          className="h-9 min-w-0 flex-1 rounded-sm border border-line bg-canvas px-3 text-14 hover:border-line-strong disabled:opacity-70"
        />
        <Button
          type="submit"
          icon={<Send size={14} />}
          busy={busy}
          refused={ended ? 'It has ended.' : text.trim() === '' ? 'Write something first.' : null}
        >
          Send
        </Button>
      </div>
    </form>
  );
}
