import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { AgentInfo, Letter } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useAgent, useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';
import { count } from '@/lib/format';
import { Card } from '@/ui/Card';
import { ErrorNotice } from '@/ui/Notice';
import { Ago } from '@/ui/When';

/** What this agent and others wrote to each other, newest first. */
export function LetterList({ agent }: { agent: AgentInfo }) {
  const letters = useQuery({
    queryKey: ['letters', agent.id],
    queryFn: ({ signal }) => api.letters(agent.id, signal),
  });
  const changes = useChanges('letters', agent.id);
  useAgain(changes, letters);
  const all = letters.data ?? [];
  const waiting = all.filter((each) => each.to === agent.id && each.readAt == null).length;
  return (
    <Card title="Letters" about={waiting > 0 ? `${count(waiting, 'letter')} it has not read yet` : undefined}>
      {letters.error !== null ? (
        <div className="p-4">
          <ErrorNotice error={refusalOf(letters.error)} />
        </div>
      ) : !letters.data ? (
        <div className="skeleton m-4 h-10" aria-busy="true" />
      ) : all.length === 0 ? (
        <p className="px-4 py-3 text-13 text-muted">It wrote to nobody, and nobody wrote to it.</p>
      ) : (
        <ul className="max-h-96 divide-y divide-line overflow-y-auto">
          {all.map((each) => (
            <Row key={each.id} letter={each} own={agent.id} />
          ))}
        </ul>
      )}
    </Card>
  );
}

function Row({ letter, own }: { letter: Letter; own: string }) {
  const sent = letter.from === own;
  return (
    <li className="px-4 py-2.5 text-13">
      <p className="text-12 text-muted">
        {letter.kind.replaceAll('_', ' ')} {sent ? 'to' : 'from'} <Who id={sent ? letter.to : letter.from} />,{' '}
        <Ago at={letter.sentAt} />
        {letter.about != null && `, about number ${letter.about}`}
        {letter.readAt == null && <span className="text-waiting">, not read yet</span>}
      </p>
      <p className="break-words whitespace-pre-wrap">{letter.content}</p>
    </li>
  );
}

function Who({ id }: { id: string }) {
  const agent = useAgent(id);
  return (
    <Link
      to="/agents/$ref"
      params={{ ref: id }}
      search={{ pane: 'mind' }}
      className="text-text underline underline-offset-2"
    >
      {agent?.name ?? id}
    </Link>
  );
}
