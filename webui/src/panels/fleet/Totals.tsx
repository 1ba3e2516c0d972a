import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { status } from '@/api/agents';
import { useMetrics, useOverview } from '@/api/live';
import { bytes, cpus } from '@/lib/format';
import { facetCounts } from '@/lib/filter';
import type { Mood } from '@/lib/mood';
import { Mark } from '@/ui/Mark';

const SHOWN: { mood: Mood; word: string }[] = [
  { mood: 'working', word: 'working' },
  { mood: 'waiting', word: 'waiting for you' },
  { mood: 'paused', word: 'paused' },
  { mood: 'queued', word: 'queued' },
];

/** The fleet in one line: agents by state, and what the host gives them, both measured. */
export function Totals() {
  const counts = useOverview((agents) => facetCounts(agents));
  const metrics = useMetrics();
  const host = useQuery({
    queryKey: ['status'],
    queryFn: ({ signal }) => status(signal),
    refetchInterval: 5000,
  }).data;
  return (
    <dl className="flex flex-wrap items-center gap-x-5 gap-y-1 text-13 text-muted" aria-label="Totals">
      {SHOWN.filter(({ mood }) => mood === 'working' || counts[mood] > 0).map(({ mood, word }) => (
        <div key={mood} className="flex items-center gap-1.5">
          <Mark mood={mood} />
          <dd className="figures text-text">{counts[mood]}</dd>
          <dt>{word}</dt>
        </div>
      ))}
      {metrics && (
        <>
          <Figure label="CPU">
            {cpus(metrics.cpus)}
            {host && <Of>of {host.cpus * 100} %</Of>}
          </Figure>
          <Figure label="Memory">
            {bytes(metrics.memoryBytes)}
            {host && <Of>of {bytes(host.memoryTotalBytes)}</Of>}
          </Figure>
        </>
      )}
      {host && (
        <Figure label="Load" wide>
          {host.load[0].toFixed(2)}
        </Figure>
      )}
      {host && <Figure label="Places" wide>{`${host.live} / ${host.maxConcurrent}`}</Figure>}
    </dl>
  );
}

interface FigureProps {
  label: string;
  /** Left out on a phone; the System page has it. */
  wide?: boolean;
  children: ReactNode;
}

function Figure({ label, wide, children }: FigureProps) {
  return (
    <div className={`items-baseline gap-1.5 ${wide ? 'hidden sm:flex' : 'flex'}`}>
      <dt>{label}</dt>
      <dd className="figures text-12 text-text">{children}</dd>
    </div>
  );
}

const Of = ({ children }: { children: ReactNode }) => <span className="text-muted"> {children}</span>;
