import { useQuery } from '@tanstack/react-query';
import { Download, RotateCw, ShieldAlert, ShieldCheck } from 'lucide-react';
import * as api from '@/api/agents';
import type { AgentInfo, IsolationLayer } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { clock } from '@/lib/format';
import { policyLine } from '@/lib/network';
import { PROFILES } from '@/lib/profiles';
import { saveText } from '@/lib/save';
import { Button } from '@/ui/Button';
import { Copy } from '@/ui/Copy';
import { State } from '@/ui/Mark';
import { Empty, ErrorNotice } from '@/ui/Notice';

const NAMES: Record<string, string> = {
  'user-namespace': 'User namespace',
  namespaces: 'Namespaces',
  network: 'Network',
  filesystem: 'File system',
  cgroup: 'Cgroup',
  memory: 'Memory limit',
  pids: 'Process limit',
  cpu: 'CPU limit',
  landlock: 'Landlock',
  seccomp: 'Seccomp filter',
  capabilities: 'Capabilities',
};

/** Which layers are in force: as the kernel says now while it lives, as they were set up at its launch afterwards. */
export function IsolationPane({ agent }: { agent: AgentInfo }) {
  const enforcement = agent.enforcement;
  // Each look is signed and goes on record, so it is taken once and then only when asked for.
  const look = useQuery({
    queryKey: ['isolation', agent.id, agent.pid],
    queryFn: ({ signal }) => api.isolation(agent.id, signal),
    enabled: agent.pid !== null,
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    retry: false,
  });
  const report = agent.pid === null ? undefined : look.data?.signed.report;
  if (!enforcement)
    return <Empty title="It has no sandbox yet">The layers are shown once it has been launched.</Empty>;
  const launched = Object.entries(enforcement.layers).flatMap(([name, layer]) =>
    layer ? [{ name, ...layer }] : [],
  );
  const layers = report?.layers ?? launched;
  const full = report?.full ?? enforcement.mode === 'full';
  const profile = agent.spec.profile ?? 'standard';
  const missing = layers.filter((layer) => !layer.active).length;
  return (
    <div
      tabIndex={0}
      role="region"
      aria-label="Isolation"
      className="min-h-0 flex-1 overflow-y-auto p-4 focus-visible:-outline-offset-2"
    >
      <div
        className={`flex flex-wrap items-start gap-3 rounded-lg border p-4 ${full ? 'border-line bg-surface' : 'border-failed/50 bg-failed-soft'}`}
      >
        {full ? (
          <ShieldCheck size={20} className="shrink-0 text-working" aria-hidden="true" />
        ) : (
          <ShieldAlert size={20} className="shrink-0 text-failed" aria-hidden="true" />
        )}
        <div className="min-w-48 flex-1">
          <h2 className={`text-14 font-semibold ${full ? '' : 'text-failed'}`}>
            {full ? 'Full isolation' : 'Reduced isolation'}
            {profile !== 'standard' && ` of the profile ${profile}`}
          </h2>
          {profile !== 'standard' && <p className="text-13 text-waiting">{PROFILES[profile].about}</p>}
          <p className="text-13 text-muted">
            {full
              ? `Each of the ${layers.length} layers ${agent.state === 'dead' ? 'was' : 'is'} in force.`
              : `${missing} of ${layers.length} layers missing${enforcement.mode === 'full' ? '.' : ', by somebody’s explicit choice.'}`}
          </p>
          {report && (
            <p className="text-12 text-muted">Confirmed by the kernel at {clock(report.at)} and signed.</p>
          )}
        </div>
        {agent.pid !== null && (
          <div className="ml-auto flex gap-2">
            <Button
              icon={<RotateCw size={14} aria-hidden="true" />}
              busy={look.isFetching}
              onClick={() => void look.refetch()}
            >
              Check again
            </Button>
            {look.data && (
              <Button
                icon={<Download size={14} aria-hidden="true" />}
                onClick={() => saveText(look.data.text, `${agent.name}-isolation.json`, 'application/json')}
              >
                Report
              </Button>
            )}
          </div>
        )}
      </div>
      {look.error && agent.pid !== null && (
        <div className="mt-4">
          <ErrorNotice error={refusalOf(look.error)} />
        </div>
      )}
      <table className="mt-4 w-full text-13">
        <thead className="text-left text-12 text-muted">
          <tr className="border-b border-line">
            <th scope="col" className="py-1.5 pr-4 font-normal">
              Layer
            </th>
            <th scope="col" className="py-1.5 pr-4 font-normal">
              State
            </th>
            <th scope="col" className="py-1.5 font-normal">
              Detail
            </th>
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer.name} className="border-b border-line align-top">
              <th scope="row" className="py-2 pr-4 text-left font-medium whitespace-nowrap">
                {NAMES[layer.name] ?? layer.name}
              </th>
              <td className="py-2 pr-4">
                <State
                  mood={layer.active ? 'working' : 'failed'}
                  word={layer.active ? 'In force' : 'Missing'}
                />
              </td>
              <td className="py-2 break-words text-muted">
                {'evidence' in layer ? <Evidence layer={layer} /> : layer.detail}
                {layer.name === 'network' && <p>Its way out: {policyLine(agent.spec.network)}</p>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <dl className="mt-6 grid items-center gap-x-6 text-13 sm:grid-cols-[auto_1fr]">
        <Fact
          label="Host user ids"
          text={
            agent.uidRange
              ? `${agent.uidRange.start} to ${agent.uidRange.start + agent.uidRange.size - 1}`
              : null
          }
        />
        <Fact label="Signed with" text={report ? look.data!.signed.publicKey : null} />
        <Fact label="Host process" text={agent.pid === null ? null : String(agent.pid)} />
        <Fact label="Cgroup" text={agent.cgroup} />
        <Fact label="Home inside" text={agent.home} />
        {(agent.spec.models ?? []).length > 0 && (
          <Fact label="Models through the gateway" text={agent.spec.models!.join(', ')} />
        )}
        <Fact
          label="Lent directories"
          text={
            (agent.spec.mounts ?? [])
              .map((mount) => `${mount.target}${mount.readOnly ? ' (read-only)' : ''}`)
              .join(', ') || 'none'
          }
        />
      </dl>
    </div>
  );
}

function Evidence({ layer }: { layer: IsolationLayer }) {
  return (
    <>
      {layer.reducedByProfile.map((point) => (
        <p key={point} className="text-waiting">
          Reduced by the profile: {point}
        </p>
      ))}
      {layer.problem && <p className="text-failed">{layer.problem}</p>}
      <details>
        <summary className="cursor-pointer">{layer.expected}</summary>
        <ul className="mt-1 font-mono text-12 break-all">
          {layer.evidence.map((fact) => (
            <li key={fact}>{fact}</li>
          ))}
        </ul>
      </details>
    </>
  );
}

function Fact({ label, text }: { label: string; text: string | null }) {
  if (text === null) return null;
  return (
    <>
      <dt className="text-muted">{label}</dt>
      <dd className="flex min-w-0 items-center gap-1 font-mono text-12 break-all">
        {text}
        <Copy text={text} label={`Copy ${label.toLowerCase()}`} />
      </dd>
    </>
  );
}
