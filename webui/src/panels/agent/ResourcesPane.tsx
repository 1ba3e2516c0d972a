import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { agent as askAgent } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { useSamples } from '@/api/live';
import { bytes, count, cpus, duration } from '@/lib/format';
import { Empty } from '@/ui/Notice';
import { Chart } from './Chart';
import { ModelUse } from './ModelUse';

/** What the agent uses, from its cgroup, against what it may use. */
export function ResourcesPane({ agent }: { agent: AgentInfo }) {
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  const samples = useSamples(agent.id);
  const now = useQuery({
    queryKey: ['usage', agent.id],
    queryFn: ({ signal }) => askAgent(agent.id, signal),
    refetchInterval: live ? 2000 : false,
  });
  const usage = now.data?.usage ?? agent.usage;
  if (!usage && samples.length === 0) {
    return (
      <div className="min-h-0 flex-1 overflow-y-auto px-4">
        <ModelUse agent={agent} />
        <Empty title="No figures yet">
          {live ? 'The first sample comes within two seconds.' : 'It ended before a sample was taken.'}
        </Empty>
      </div>
    );
  }
  const disk = now.data?.disk ?? agent.disk;
  const times = samples.map((sample) => sample.at / 1000);
  const limits = agent.spec.limits;
  return (
    <div
      role="region"
      aria-label="Resources"
      tabIndex={0}
      className="@container min-h-0 flex-1 overflow-y-auto p-4 focus-visible:-outline-offset-2"
    >
      {usage && (
        <dl className="grid grid-cols-2 gap-3 @2xl:grid-cols-3 @5xl:grid-cols-5">
          <Card
            label="CPU now"
            figure={live ? cpus(samples.at(-1)?.cpus ?? usage.cpus) : '–'}
            note={limits?.cpus ? `of ${limits.cpus * 100} %` : 'its limit is the service’s default'}
          />
          <Card label="CPU time" figure={duration(usage.cpuUsec / 1000)} note="since its start" />
          <Card
            label="Memory"
            figure={live ? bytes(samples.at(-1)?.memoryBytes ?? usage.memoryBytes) : '–'}
            note={
              <>
                {usage.memoryLimitBytes ? `of ${bytes(usage.memoryLimitBytes)}` : 'no limit'}, peak{' '}
                {bytes(usage.memoryPeakBytes)}
              </>
            }
          />
          <Card
            label="Processes"
            figure={live ? String(usage.pids) : '–'}
            note={usage.pidsLimit ? `of ${count(usage.pidsLimit, 'process', 'processes')}` : 'no limit'}
          />
          {disk?.bytes != null && (
            <Card
              label="Disk"
              figure={bytes(disk.bytes)}
              note={disk.bytesLimit ? `of ${bytes(disk.bytesLimit)}` : 'no limit'}
            />
          )}
          {disk?.inodes != null && (
            <Card
              label="Files"
              figure={String(disk.inodes)}
              note={disk.inodesLimit ? `of ${count(disk.inodesLimit, 'file', 'files')}` : 'no limit'}
            />
          )}
        </dl>
      )}
      <ModelUse agent={agent} />
      <Section title="CPU">
        <Chart
          times={times}
          values={samples.map((sample) => sample.cpus)}
          format={cpus}
          limit={limits?.cpus ?? null}
          floor={0.1}
          label="CPU over time"
        />
      </Section>
      <Section title="Memory">
        <Chart
          times={times}
          values={samples.map((sample) => sample.memoryBytes)}
          format={bytes}
          limit={usage?.memoryLimitBytes ?? null}
          floor={8 * 1024 * 1024}
          binary
          label="Memory over time"
        />
      </Section>
      <p className="mt-3 text-12 text-muted">
        Sampled every two seconds from its cgroup since this page was opened, ten minutes at most.
      </p>
    </div>
  );
}

function Card({ label, figure, note }: { label: string; figure: string; note: ReactNode }) {
  return (
    <div className="rounded-lg border border-line bg-surface p-3">
      <dt className="text-12 text-muted">{label}</dt>
      <dd>
        <span className="figures block text-20">{figure}</span>
        <span className="block text-12 text-muted">{note}</span>
      </dd>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="mt-5">
      <h2 className="mb-2 text-13 font-medium">{title}</h2>
      {children}
    </section>
  );
}
