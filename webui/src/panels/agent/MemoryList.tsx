import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Plus, Share2, Trash2 } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import type { AgentInfo, Memory, MemoryLayer } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';
import { count } from '@/lib/format';
import { LAYERS, LAYER_NAMES } from '@/lib/memory';
import { Button, IconButton } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { ErrorNotice } from '@/ui/Notice';
import { toast } from '@/ui/toast';
import { Ago } from '@/ui/When';
import { Pick } from '@/ui/Pick';
import { SearchBox } from '@/ui/SearchBox';
import { RememberDialog, ShareDialog } from './MemoryDialogs';

/** So many at once; words find the others. */
const SHOWN = 200;

/** What an agent keeps, by layer and by words; each can be given to another agent or forgotten. */
export function MemoryList({ agent }: { agent: AgentInfo }) {
  const queries = useQueryClient();
  const [text, setText] = useState('');
  const [layer, setLayer] = useState<MemoryLayer | ''>('');
  const [asked, setAsked] = useState<'new' | Memory | null>(null);
  const q = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ['memory', agent.id, q, layer],
    queryFn: ({ signal }) =>
      api.recall(agent.id, { q: q || undefined, layer: layer || undefined, limit: SHOWN }, signal),
    placeholderData: keepPreviousData,
  });
  const changes = useChanges('memory', agent.id);
  const again = () => void queries.invalidateQueries({ queryKey: ['memory', agent.id] });
  useAgain(changes, found);
  const forget = (memory: Memory) =>
    void api.forget(agent.id, memory.id).then(
      () => {
        toast('done', 'Forgotten');
        again();
      },
      (cause) => {
        const { message, hint } = refusalOf(cause);
        toast('failed', message, hint);
      },
    );
  const identity = agent.spec.program.type === 'goal' ? agent.spec.program.memory : null;
  const list = found.data ?? [];
  return (
    <Card
      title="Memory"
      about={
        identity
          ? `Shared under the name “${identity}”; it outlives this agent.`
          : 'Its own; it goes when the agent is removed.'
      }
      actions={
        <Button icon={<Plus size={14} aria-hidden="true" />} onClick={() => setAsked('new')}>
          Remember
        </Button>
      }
    >
      <div className="flex flex-wrap items-center gap-2 px-4 py-3">
        <SearchBox
          label="Search memories"
          className="min-w-40 flex-1"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Pick
          label="Layer"
          value={layer}
          onChange={(next) => setLayer(next as MemoryLayer | '')}
          options={[['', 'Every layer'], ...LAYER_NAMES.map((each) => [each, LAYERS[each].title] as const)]}
        />
      </div>
      {found.error !== null ? (
        <div className="px-4 pb-4">
          <ErrorNotice error={refusalOf(found.error)} />
        </div>
      ) : !found.data ? (
        <div className="skeleton mx-4 mb-4 h-24" aria-busy="true" />
      ) : list.length === 0 ? (
        <p className="border-t border-line px-4 py-6 text-center text-13 text-muted">
          {q || layer ? 'Nothing that it remembers matches.' : 'It remembers nothing yet.'}
        </p>
      ) : (
        <ul aria-label="Memories" className="divide-y divide-line border-t border-line">
          {list.map((each) => (
            <Row key={each.id} memory={each} onShare={setAsked} onForget={forget} />
          ))}
        </ul>
      )}
      {list.length === SHOWN && (
        <p className="border-t border-line px-4 py-2 text-12 text-muted">
          The {SHOWN} weightiest. Search to find others.
        </p>
      )}
      {asked === 'new' && (
        <RememberDialog
          agent={agent}
          onClose={(done) => {
            setAsked(null);
            if (done) again();
          }}
        />
      )}
      {asked !== null && asked !== 'new' && (
        <ShareDialog agent={agent} memory={asked} onClose={() => setAsked(null)} />
      )}
    </Card>
  );
}

interface RowProps {
  memory: Memory;
  onShare: (memory: Memory) => void;
  onForget: (memory: Memory) => void;
}

function Row({ memory, onShare, onForget }: RowProps) {
  const [sure, setSure] = useState(false);
  const { id, layer, content, tags, importance, strength, accesses } = memory;
  return (
    <li className="flex items-start gap-3 px-4 py-2.5">
      <div className="min-w-0 flex-1">
        <p className="text-13 break-words whitespace-pre-wrap">{content}</p>
        <p className="mt-0.5 text-12 break-words text-muted">
          <span className="text-text">{LAYERS[layer].title}</span>
          {tags.length > 0 && ` · ${tags.join(', ')}`} · weight{' '}
          <span className="figures" title={`${importance.toFixed(2)} when it was stored`}>
            {strength.toFixed(2)}
          </span>{' '}
          · recalled {count(accesses, 'time')} · <Ago at={memory.createdAt} />
          {memory.expiresAt != null && ' · kept for a while only'}
        </p>
      </div>
      {sure ? (
        <span className="flex shrink-0 gap-1.5">
          <Button kind="danger" onClick={() => onForget(memory)} autoFocus>
            Forget it
          </Button>
          <Button onClick={() => setSure(false)}>Keep</Button>
        </span>
      ) : (
        <span className="flex shrink-0">
          <IconButton label={`Give memory ${id} to another agent`} onClick={() => onShare(memory)}>
            <Share2 size={15} />
          </IconButton>
          <IconButton label={`Forget memory ${id}`} onClick={() => setSure(true)}>
            <Trash2 size={15} />
          </IconButton>
        </span>
      )}
    </li>
  );
}
