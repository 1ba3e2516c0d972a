import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { AgentInfo, NetworkChange } from '@/api/generated';
import { refusalOf, type Refusal } from '@/api/http';
import { useChanges } from '@/api/live';
import * as api from '@/api/network';
import { useAgain } from '@/lib/again';
import { hasNetwork } from '@/lib/network';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { NetworkPolicy } from './NetworkPolicy';
import { NetworkTable } from './NetworkTable';

/** What the agent may reach, changed while it runs, and what it did reach or was refused. */
export function NetworkPane({ agent }: { agent: AgentInfo }) {
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  const queries = useQueryClient();
  const key = ['network', agent.id];
  const info = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => api.network(agent.id, signal),
    enabled: hasNetwork(agent.spec),
    // Bytes grow without events.
    refetchInterval: live ? 3000 : false,
  });
  const changes = useChanges('network', agent.id);
  useAgain(changes, info);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refusal | null>(null);

  const change = async (wanted: NetworkChange): Promise<boolean> => {
    setBusy(true);
    setRefused(null);
    try {
      queries.setQueryData(key, await api.changeNetwork(agent.id, wanted));
      return true;
    } catch (cause) {
      setRefused(refusalOf(cause));
      return false;
    } finally {
      setBusy(false);
    }
  };

  if (!hasNetwork(agent.spec)) {
    return (
      <Empty title="It has no network">
        Its network namespace has loopback and nothing else. That is decided when an agent is deployed and
        stays so for its whole life.
      </Empty>
    );
  }
  const withPolicy = agent.spec.network !== undefined && agent.spec.network !== 'none';
  return (
    <div
      role="region"
      aria-label="Network"
      tabIndex={0}
      className="@container min-h-0 flex-1 overflow-y-auto p-4 focus-visible:-outline-offset-2"
    >
      {refused && (
        <div className="mb-4">
          <ErrorNotice error={refused} />
        </div>
      )}
      {withPolicy ? (
        <NetworkPolicy
          policy={info.data?.policy ?? agent.spec.network!}
          locked={live ? null : 'It has ended: its policy stays as it was.'}
          busy={busy}
          onChange={change}
        />
      ) : (
        <p className="text-13 text-muted">It may ask models through the gateway and has no other way out.</p>
      )}
      {info.error !== null && (
        <div className="mt-4">
          <ErrorNotice error={refusalOf(info.error)} />
        </div>
      )}
      {info.data ? (
        <NetworkTable
          agent={agent}
          info={info.data}
          onAllow={live && withPolicy ? (rule) => void change({ type: 'allow', ...rule }) : undefined}
        />
      ) : (
        info.error === null && <div className="skeleton mt-6 h-40" aria-busy="true" />
      )}
    </div>
  );
}
