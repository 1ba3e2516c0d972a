import { useQuery } from '@tanstack/react-query';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { models as askModels } from '@/api/network';
import { PROVIDERS, dollars, latency, sumByModel, type ModelSum } from '@/lib/models';
import { ErrorNotice } from '@/ui/Notice';

/** What the agent asked models through the gateway; nothing for those who may not and did not. */
export function ModelUse({ agent }: { agent: AgentInfo }) {
  const granted = (agent.spec.models ?? []).length > 0;
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  const use = useQuery({
    queryKey: ['models', agent.id],
    queryFn: ({ signal }) => askModels(agent.id, signal),
    refetchInterval: granted && live ? 3000 : false,
  });
  if (use.error !== null && granted) {
    return (
      <section className="mt-5">
        <h2 className="mb-2 text-13 font-medium">Models</h2>
        <ErrorNotice error={refusalOf(use.error)} />
      </section>
    );
  }
  if (!use.data || (!granted && use.data.usage.length === 0)) return null;
  const { providers, tokenBudget, tokensUsed, usage } = use.data;
  const sums = sumByModel(usage);
  const share = tokenBudget ? Math.min(1, tokensUsed / tokenBudget) : null;
  return (
    <section className="mt-5">
      <h2 className="mb-2 text-13 font-medium">Models</h2>
      <div className="rounded-lg border border-line bg-surface">
        <div className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-3 text-13">
          <span>
            <span className="figures text-16">{tokensUsed.toLocaleString()}</span>{' '}
            <span className="text-muted">
              {tokenBudget === null
                ? 'tokens used, no budget'
                : `of ${tokenBudget.toLocaleString()} tokens used`}
            </span>
          </span>
          <span className="text-muted">
            May ask {providers.length > 0 ? providers.map((each) => PROVIDERS[each]).join(', ') : 'none'}
          </span>
          {share !== null && (
            <span aria-hidden="true" className="block h-1 basis-full overflow-hidden rounded-full bg-raised">
              <span
                className={`block h-full ${share > 0.9 ? 'bg-failed' : 'bg-accent'}`}
                style={{ width: `${Math.round(share * 100)}%` }}
              />
            </span>
          )}
        </div>
        {sums.length === 0 ? (
          <p className="border-t border-line px-4 py-2.5 text-13 text-muted">It has not called any yet.</p>
        ) : (
          <div
            role="region"
            aria-label="Calls by model"
            tabIndex={0}
            className="overflow-x-auto border-t border-line focus-visible:-outline-offset-2"
          >
            <table className="w-full text-13">
              <thead className="text-12 text-muted">
                <tr className="border-b border-line">
                  {HEADS.map((head, i) => (
                    <th
                      key={head}
                      scope="col"
                      className={`px-4 py-1.5 font-normal whitespace-nowrap ${i === 0 ? 'text-left' : 'text-right'}`}
                    >
                      {head}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody className="divide-y divide-line">
                {sums.map((sum) => (
                  <Row key={`${sum.provider} ${sum.model}`} sum={sum} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </section>
  );
}

const HEADS = ['Model', 'Calls', 'Failed', 'Read', 'Written', 'Mean time', 'Cost'];

function Row({ sum }: { sum: ModelSum }) {
  const figure = 'figures px-4 py-2 text-right text-12 whitespace-nowrap';
  return (
    <tr>
      <th scope="row" className="px-4 py-2 text-left font-normal">
        <span className="font-mono text-12 break-all">{sum.model}</span>{' '}
        <span className="text-12 whitespace-nowrap text-muted">{PROVIDERS[sum.provider]}</span>
      </th>
      <td className={figure}>{sum.calls.toLocaleString()}</td>
      <td className={`${figure} ${sum.failed > 0 ? 'text-failed' : 'text-muted'}`}>
        {sum.failed.toLocaleString()}
      </td>
      <td className={figure}>{sum.inputTokens.toLocaleString()}</td>
      <td className={figure}>{sum.outputTokens.toLocaleString()}</td>
      <td className={figure}>{latency(sum)}</td>
      <td className={figure}>
        {sum.costMicrousd === null ? (
          <span className="font-sans text-muted">no price</span>
        ) : (
          `${sum.unpriced ? '≥ ' : ''}${dollars(sum.costMicrousd)}`
        )}
      </td>
    </tr>
  );
}
