import { RefreshCw } from 'lucide-react';
import { kernel, useLink, useLoaded } from '@/api/live';
import { exactTime } from '@/lib/format';
import { useNow } from '@/lib/now';
import { Mark } from '@/ui/Mark';

/** One dot and word at the foot of the rail. */
export function ConnectionBadge({ compact }: { compact: boolean }) {
  const link = useLink();
  const open = link.phase === 'open';
  const word = open ? 'Connected' : link.phase === 'waiting' ? 'Disconnected' : 'Connecting';
  const version = kernel.version ? ` to aetherd ${kernel.version}` : '';
  return (
    <p
      role="status"
      title={open ? `Connected${version}` : word}
      className="flex h-8 items-center gap-2 px-2.5 text-12 text-muted"
    >
      <Mark mood={open ? 'working' : link.phase === 'waiting' ? 'failed' : 'queued'} />
      <span className={compact ? 'sr-only' : ''}>{word}</span>
    </p>
  );
}

/** Says above every page that what it shows is old, since when, and when the next try comes. */
export function StaleBar() {
  const link = useLink();
  const loaded = useLoaded();
  if (link.phase === 'open' || link.phase === 'closed' || (link.phase === 'connecting' && !loaded))
    return null;
  return (
    <div
      role="status"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-failed-soft px-4 py-1.5 text-13"
    >
      <Mark mood="failed" />
      <span className="font-medium">The service does not answer.</span>
      {loaded && (
        <span title={exactTime(new Date(link.since).toISOString())}>
          What you see is from {clockOf(link.since)}.
        </span>
      )}
      <span className="flex-1" />
      {link.phase === 'waiting' ? <Countdown to={link.retryAt} /> : <span>Trying now…</span>}
      <button
        type="button"
        onClick={() => kernel.start()}
        className="inline-flex h-6 items-center gap-1.5 font-medium underline underline-offset-2"
      >
        <RefreshCw size={13} aria-hidden="true" />
        Try now
      </button>
    </div>
  );
}

function Countdown({ to }: { to: number }) {
  const seconds = Math.max(0, Math.ceil((to - useNow()) / 1000));
  return <span className="figures text-12">Next try in {seconds} s</span>;
}

const clockOf = (at: number) => new Date(at).toLocaleTimeString(undefined, { hour12: false });
