import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { doctor, status } from '@/api/agents';
import type { Finding, FindingStatus, SystemStatus } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { bytes, duration, exactTime } from '@/lib/format';
import type { Mood } from '@/lib/mood';
import { Button } from '@/ui/Button';
import { CommandLine } from '@/ui/Copy';
import { State } from '@/ui/Mark';
import { ErrorNotice, sentence } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';

/** The service and its host: figures, and what the host can do. */
export function SystemPage() {
  const service = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => status(signal),
    refetchInterval: 5000,
  });
  const host = useQuery({ queryKey: ['doctor'], queryFn: ({ signal }) => doctor(signal) });
  return (
    <>
      <PageHead
        title="System"
        actions={
          <Button busy={host.isFetching} onClick={() => void host.refetch()}>
            {host.isFetching ? 'Checking' : 'Check again'}
          </Button>
        }
      >
        <p className="text-13 text-muted">
          {service.data
            ? `${service.data.hostname}, Linux ${service.data.kernel}, aetherd ${service.data.version}`
            : 'The service and its host'}
        </p>
      </PageHead>
      <div
        role="region"
        aria-label="System"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 focus-visible:-outline-offset-2"
      >
        {service.isError ? (
          <ErrorNotice error={refusalOf(service.error)} />
        ) : service.data ? (
          <Figures status={service.data} />
        ) : (
          <div className="grid grid-cols-2 gap-3 md:grid-cols-5" aria-busy="true">
            {Array.from({ length: 5 }, (_, i) => (
              <div key={i} className="skeleton h-[86px]" />
            ))}
          </div>
        )}
        <Section
          title="Host checks"
          about="What agents need of this machine. Nothing falls back to less isolation on its own."
        >
          {host.isError ? (
            <ErrorNotice error={refusalOf(host.error)} />
          ) : host.data ? (
            <Findings findings={host.data.findings} />
          ) : (
            <div className="skeleton h-64" aria-busy="true" />
          )}
        </Section>
      </div>
    </>
  );
}

function Figures({ status: it }: { status: SystemStatus }) {
  const used = it.memoryTotalBytes - it.memoryAvailableBytes;
  return (
    <dl className="grid grid-cols-2 gap-3 md:grid-cols-5">
      <Card
        label="Agents"
        figure={`${it.live} / ${it.maxConcurrent}`}
        note={`${it.queued} queued, ${it.ended} ended`}
      />
      <Card
        label="Load"
        figure={it.load[0].toFixed(2)}
        note={`${it.load[1].toFixed(2)}, ${it.load[2].toFixed(2)} on ${it.cpus} CPUs`}
      />
      <Card
        label="Memory"
        figure={bytes(used)}
        note={`of ${bytes(it.memoryTotalBytes)}`}
        share={used / it.memoryTotalBytes}
      />
      <Card
        label="Disk"
        figure={bytes(it.diskTotalBytes - it.diskFreeBytes)}
        note={`of ${bytes(it.diskTotalBytes)}`}
        share={1 - it.diskFreeBytes / it.diskTotalBytes}
      />
      <Card label="Up" figure={duration(it.uptime * 1000)} note={exactTime(it.startedAt)} />
    </dl>
  );
}

function Card({
  label,
  figure,
  note,
  share,
}: {
  label: string;
  figure: string;
  note: string;
  share?: number;
}) {
  return (
    <div className="rounded-lg border border-line bg-surface p-3">
      <dt className="text-12 text-muted">{label}</dt>
      <dd>
        <span className="figures block truncate text-20">{figure}</span>
        <span className="block truncate text-12 text-muted" title={note}>
          {note}
        </span>
        {share !== undefined && (
          <span aria-hidden="true" className="mt-2 block h-1 overflow-hidden rounded-full bg-raised">
            <span
              className={`block h-full ${share > 0.9 ? 'bg-failed' : 'bg-accent'}`}
              style={{ width: `${Math.round(share * 100)}%` }}
            />
          </span>
        )}
      </dd>
    </div>
  );
}

function Section({ title, about, children }: { title: string; about: string; children: ReactNode }) {
  return (
    <section className="mt-6">
      <h2 className="text-16 font-semibold">{title}</h2>
      <p className="mb-3 text-13 text-muted">{about}</p>
      {children}
    </section>
  );
}

const MARKS: Record<FindingStatus, { mood: Mood; word: string }> = {
  ok: { mood: 'done', word: 'As it should be' },
  skipped: { mood: 'queued', word: 'Not checked' },
  warning: { mood: 'waiting', word: 'Weaker' },
  failure: { mood: 'failed', word: 'Missing' },
};
const ORDER: FindingStatus[] = ['failure', 'warning', 'skipped', 'ok'];

/** What needs somebody comes first. */
function Findings({ findings }: { findings: readonly Finding[] }) {
  const sorted = [...findings].toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  return (
    <ul className="divide-y divide-line rounded-lg border border-line bg-surface">
      {sorted.map((finding) => (
        <li key={finding.name} className="px-4 py-2.5 text-13">
          <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
            <span className="w-56 font-medium break-words">{finding.name}</span>
            <span className="w-36">
              <State {...MARKS[finding.status]} />
            </span>
            <span className="min-w-0 flex-1 basis-60 break-words text-muted">
              {finding.detail}
              {finding.status !== 'ok' && <span className="block">For: {finding.meaning}</span>}
            </span>
          </div>
          {finding.fix !== '' && (
            <div className="mt-2 md:ml-[400px]">
              {looksLikeCommand(finding.fix) ? (
                <CommandLine text={finding.fix} label={`Copy the fix for ${finding.name}`} />
              ) : (
                <p>{sentence(finding.fix)}</p>
              )}
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

/** A fix is a command to paste, or words about a setting. */
export function looksLikeCommand(fix: string): boolean {
  return /^(sudo|sysctl|apt|apt-get|dnf|echo|modprobe|systemctl|mount|grubby|update-grub|usermod|timedatectl|systemd-run|ulimit|mkdir|du|ss|aetherd?)\s/.test(
    fix,
  );
}
