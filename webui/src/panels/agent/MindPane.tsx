import { useQuery } from '@tanstack/react-query';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useChanges } from '@/api/live';
import * as api from '@/api/minds';
import { useAgain } from '@/lib/again';
import { recordText } from '@/lib/memory';
import { Card } from '@/ui/Card';
import { Mark } from '@/ui/Mark';
import { ErrorNotice } from '@/ui/Notice';
import { Ago } from '@/ui/When';
import { Family, useFamily } from './Family';
import { LetterList } from './LetterList';
import { MemoryList } from './MemoryList';
import { PlanTree } from './PlanTree';
import { planLine } from './told';
import { usePlan } from './usePlan';
import { useRatings } from './useRatings';

/** What an agent remembers, plans, is known for, and wrote to others. */
export function MindPane({ agent }: { agent: AgentInfo }) {
  return (
    <div
      role="region"
      aria-label="Mind"
      tabIndex={0}
      className="@container min-h-0 flex-1 overflow-y-auto p-4 focus-visible:-outline-offset-2"
    >
      <div className="grid gap-4 @4xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <MemoryList agent={agent} />
        <div className="flex min-w-0 flex-col gap-4">
          <PlanCard agent={agent} />
          <Children agent={agent} />
          <Known agent={agent} />
          <LetterList agent={agent} />
        </div>
      </div>
    </div>
  );
}

function PlanCard({ agent }: { agent: AgentInfo }) {
  const plan = usePlan(agent.id);
  return (
    <Card
      title="Plan"
      about={
        plan.data && (
          <>
            {plan.data.status}: {planLine(plan.data)}, changed <Ago at={plan.data.updatedAt} />
          </>
        )
      }
    >
      <div className="px-4 py-3">
        {plan.error !== null ? (
          <ErrorNotice error={refusalOf(plan.error)} />
        ) : plan.data === undefined ? (
          <div className="skeleton h-16" aria-busy="true" />
        ) : plan.data === null ? (
          <p className="text-13 text-muted">It has made no plan.</p>
        ) : (
          <PlanTree plan={plan.data} />
        )}
      </div>
    </Card>
  );
}

function Children({ agent }: { agent: AgentInfo }) {
  const family = useFamily(agent);
  if (family.length === 0) return null;
  return (
    <Card title="Children" about="They never have more rights than it has, and share its budget.">
      <div className="px-4 py-3">
        <Family nodes={family} own={agent.id} />
      </div>
    </Card>
  );
}

/** Counts of what really happened, what it says of itself, and what people and models thought of it. */
function Known({ agent }: { agent: AgentInfo }) {
  const profile = useQuery({
    queryKey: ['profile', agent.id],
    queryFn: ({ signal }) => api.profile(agent.id, signal),
  });
  const looks = useQuery({
    queryKey: ['reflections', agent.id],
    queryFn: ({ signal }) => api.reflections(agent.id, signal),
  });
  const { all: feedback } = useRatings(agent.id, true);
  const changes = useChanges('memory', agent.id);
  useAgain(changes, profile);
  useAgain(changes, looks);
  const it = profile.data;
  return (
    <Card title="Profile" about={it && recordText(it)}>
      <div className="flex flex-col gap-3 px-4 py-3 text-13">
        {profile.error !== null ? (
          <ErrorNotice error={refusalOf(profile.error)} />
        ) : !it ? (
          <div className="skeleton h-16" aria-busy="true" />
        ) : (
          <>
            <p className="text-muted">
              <span className="figures text-text">{it.steps.toLocaleString()}</span> steps,{' '}
              <span className="figures text-text">{it.calls.toLocaleString()}</span> calls,{' '}
              <span className={`figures ${it.callsFailed > 0 ? 'text-failed' : 'text-text'}`}>
                {it.callsFailed.toLocaleString()}
              </span>{' '}
              of them failed
            </p>
            {it.expertise.length > 0 && (
              <p className="break-words">
                <span className="text-muted">Says it is good at </span>
                {it.expertise.join(', ')}
              </p>
            )}
            {it.notes !== '' && <p className="break-words whitespace-pre-wrap">{it.notes}</p>}
          </>
        )}
        {(feedback ?? []).length > 0 && (
          <ul aria-label="What people thought" className="flex flex-col gap-1">
            {feedback!.slice(0, 20).map((each) => (
              <li key={`${each.step} ${each.by}`} className="flex items-baseline gap-2">
                <Mark mood={each.rating > 0 ? 'done' : 'failed'} />
                <span className="min-w-0 flex-1 break-words">
                  Step {each.step} was {each.rating > 0 ? 'good' : 'bad'}
                  {each.comment && `: ${each.comment}`}
                  <span className="text-12 text-muted">
                    {' '}
                    {each.by}, <Ago at={each.at} />
                  </span>
                </span>
              </li>
            ))}
          </ul>
        )}
        {(looks.data ?? []).length > 0 && (
          <ul aria-label="Looks back" className="flex flex-col gap-2">
            {looks.data!.slice(0, 10).map((each) => (
              <li key={each.at + each.agent} className="min-w-0">
                <p className="text-12 text-muted">
                  {each.outcome}
                  {each.rating != null && `, ${each.rating} of 5`}, <Ago at={each.at} />
                </p>
                <p className="break-words whitespace-pre-wrap">{each.summary}</p>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}
