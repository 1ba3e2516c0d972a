import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { ModelsReport, ProviderReport, ProviderState } from '@/api/generated';
import { refusalOf } from '@/api/http';
import * as api from '@/api/minds';
import { count } from '@/lib/format';
import type { Mood } from '@/lib/mood';
import { Button } from '@/ui/Button';
import { Card } from '@/ui/Card';
import { Copy } from '@/ui/Copy';
import { State } from '@/ui/Mark';
import { ErrorNotice, sentence } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';

const STATES: Record<ProviderState, { mood: Mood; word: string }> = {
  available: { mood: 'working', word: 'Available' },
  limited: { mood: 'waiting', word: 'Limits requests' },
  resting: { mood: 'paused', word: 'Left alone for now' },
  noKey: { mood: 'queued', word: 'No key' },
  refused: { mood: 'failed', word: 'Key refused' },
  unreachable: { mood: 'failed', word: 'Not reached' },
  failing: { mood: 'failed', word: 'Fails' },
  unusable: { mood: 'failed', word: 'Not usable' },
  notSetUp: { mood: 'queued', word: 'Not set up' },
};

/** Which models agents with a goal can use, and why the rest cannot be used. */
export function ModelsPage() {
  const report = useQuery({
    queryKey: ['llm'],
    queryFn: ({ signal }) => api.models(signal),
    refetchInterval: 30_000,
  });
  return (
    <>
      <PageHead
        title="Models"
        actions={
          <Button busy={report.isFetching} onClick={() => void report.refetch()}>
            {report.isFetching ? 'Asking' : 'Ask again'}
          </Button>
        }
      >
        <p className="text-13 text-muted">
          Who thinks for agents with a goal. Keys stay in the service; no sandbox holds one.
        </p>
      </PageHead>
      <div
        role="region"
        aria-label="Models"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 focus-visible:-outline-offset-2"
      >
        {report.error !== null ? (
          <ErrorNotice error={refusalOf(report.error)} />
        ) : report.data ? (
          <>
            <Choices report={report.data} />
            <ul aria-label="Providers" className="mt-4 flex flex-col gap-3">
              {report.data.providers.map((each) => (
                <Provider key={each.name} provider={each} />
              ))}
            </ul>
          </>
        ) : (
          <div aria-busy="true">
            <div className="skeleton h-28" />
            <div className="skeleton mt-4 h-64" />
          </div>
        )}
      </div>
    </>
  );
}

/** What a goal gets that names no model, and what happens when that one cannot answer. */
function Choices({ report }: { report: ModelsReport }) {
  const { defaultModel, fallback, tiers } = report;
  return (
    <Card title="What a goal gets" about="Where it names no model of its own">
      <dl className="grid gap-x-6 gap-y-3 px-4 py-3 text-13 sm:grid-cols-3">
        <Choice name="By default" value={defaultModel === 'auto' ? 'a tier by step (auto)' : defaultModel} />
        <Choice name="When that fails" value={fallback.join(', then ') || 'nobody else: the goal fails'} />
        <Choice
          name="Tiers"
          value={tiers.map((each) => `${each.tier}: ${each.model}`).join(', ') || 'none are set up'}
        />
      </dl>
    </Card>
  );
}

function Choice({ name, value }: { name: string; value: string }) {
  return (
    <div className="min-w-0">
      <dt className="text-12 text-muted">{name}</dt>
      <dd className="font-mono text-12 leading-5 break-words">{value}</dd>
    </div>
  );
}

/** Models shown before somebody asks for all. */
const SHOWN = 8;

function Provider({ provider }: { provider: ProviderReport }) {
  const { name, interface: speaks, state, detail, defaultModel, images, models } = provider;
  const [all, setAll] = useState(false);
  const shown = all ? models : models.slice(0, SHOWN);
  return (
    <li className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3">
        <h2 className="text-14 font-semibold">{name}</h2>
        <State {...STATES[state]} />
        <span className="text-12 text-muted">
          {speaks === 'rules' ? 'built in' : `speaks ${speaks}`}
          {images ? ', sees images' : ''}
        </span>
        <span className="flex-1" />
        {defaultModel !== '' && defaultModel !== name && (
          <span className="inline-flex min-w-0 items-center gap-1 text-12 text-muted">
            <code className="font-mono break-all text-text">{defaultModel}</code>
            <Copy text={`${name}/${defaultModel}`} label={`Copy ${name}/${defaultModel}`} />
          </span>
        )}
      </div>
      {detail !== '' && (
        <p className={`px-4 pb-3 text-13 break-words ${state === 'available' ? 'text-muted' : ''}`}>
          {sentence(detail)}
        </p>
      )}
      {models.length > 0 && (
        <div className="flex flex-wrap items-center gap-1.5 border-t border-line px-4 py-2.5">
          {shown.map((model) => (
            <code key={model} className="rounded-sm bg-raised px-1.5 py-0.5 font-mono text-12 break-all">
              {model}
            </code>
          ))}
          {models.length > SHOWN && (
            <Button kind="quiet" className="h-6" aria-expanded={all} onClick={() => setAll(!all)}>
              {all ? 'Show fewer' : `All ${count(models.length, 'model')}`}
            </Button>
          )}
        </div>
      )}
    </li>
  );
}
