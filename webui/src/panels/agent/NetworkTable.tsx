import { Download } from 'lucide-react';
import { useMemo, useState } from 'react';
import type {
  AgentInfo,
  NetworkDestination,
  NetworkInfo,
  NetworkRule,
  NetworkVerdict,
} from '@/api/generated';
import { bytes, count } from '@/lib/format';
import type { Mood } from '@/lib/mood';
import { VERDICTS, destinationText, filterDestinations, rulesOf, toCsv } from '@/lib/network';
import { saveText } from '@/lib/save';
import { Button } from '@/ui/Button';
import { State } from '@/ui/Mark';
import { Menu } from '@/ui/Menu';
import { Ago } from '@/ui/When';
import { Pick } from '@/ui/Pick';
import { SearchBox } from '@/ui/SearchBox';

const MOODS: Record<NetworkVerdict, Mood> = { allowed: 'working', denied: 'failed', held: 'waiting' };
const COLUMNS = '@3xl:grid-cols-[minmax(140px,1.4fr)_92px_64px_70px_70px_minmax(160px,2fr)_88px_72px]';

interface Props {
  agent: AgentInfo;
  info: NetworkInfo;
  /** Absent where the policy cannot be changed. */
  onAllow?: (rule: NetworkRule) => void;
}

/** Each destination the agent asked for: how often, how much, and why not. */
export function NetworkTable({ agent, info, onAllow }: Props) {
  const [text, setText] = useState('');
  const [verdict, setVerdict] = useState<NetworkVerdict | ''>('');
  const all = info.destinations;
  const shown = useMemo(() => filterDestinations(all, text, verdict), [all, text, verdict]);
  // Denied although a rule names it: another rule would change nothing.
  const { allow } = rulesOf(info.policy);
  const isNamed = (to: NetworkDestination) =>
    allow.some((rule) => rule.host === to.host && (!rule.ports?.length || rule.ports.includes(to.port)));
  const name = `${agent.name}-network`;
  return (
    <section className="mt-6">
      <div className="mb-3 flex flex-wrap items-center gap-2">
        <h2 className="mr-auto text-14 font-semibold">
          Destinations
          <span className="ml-2 text-12 font-normal text-muted">
            {count(info.connections, 'connection')} open
          </span>
        </h2>
        <SearchBox
          label="Filter destinations"
          className="w-full @xl:w-52"
          placeholder="Filter"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Pick
          label="Verdict"
          value={verdict}
          onChange={(next) => setVerdict(next as NetworkVerdict | '')}
          options={[['', 'Every verdict'], ...Object.entries(VERDICTS)]}
        />
        <Menu
          trigger={<Button icon={<Download size={14} aria-hidden="true" />}>Export</Button>}
          items={[
            {
              label: 'As CSV',
              refused: shown.length === 0 ? 'Nothing is shown.' : null,
              onSelect: () => saveText(toCsv(shown), `${name}.csv`, 'text/csv'),
            },
            {
              label: 'As JSON',
              refused: shown.length === 0 ? 'Nothing is shown.' : null,
              onSelect: () =>
                saveText(`${JSON.stringify(shown, null, 2)}\n`, `${name}.json`, 'application/json'),
            },
          ]}
        />
      </div>
      {shown.length === 0 ? (
        <p className="rounded-lg border border-line bg-surface px-4 py-8 text-center text-13 text-muted">
          {all.length > 0
            ? 'No destination matches.'
            : agent.pid === null
              ? 'It asked for no destination.'
              : 'It has not asked for any destination yet.'}
        </p>
      ) : (
        <div role="table" aria-label="Destinations" className="rounded-lg border border-line bg-surface">
          <div role="rowgroup">
            <div
              role="row"
              className={`sr-only border-b border-line px-4 py-2 text-12 text-muted @3xl:not-sr-only @3xl:grid @3xl:gap-3 @3xl:px-4 @3xl:py-2 ${COLUMNS}`}
            >
              {['Destination', 'Verdict', 'Asked', 'Sent', 'Received', 'Reason', 'Last'].map((each) => (
                <span key={each} role="columnheader" className={FIGURES.has(each) ? '@3xl:text-right' : ''}>
                  {each}
                </span>
              ))}
              <span role="columnheader" className="sr-only">
                Action
              </span>
            </div>
          </div>
          <div role="rowgroup" className="divide-y divide-line">
            {shown.map((each) => (
              <Row
                key={`${destinationText(each)} ${each.program ?? ''}`}
                to={each}
                onAllow={isNamed(each) ? undefined : onAllow}
              />
            ))}
          </div>
        </div>
      )}
      <p className="mt-2 text-12 text-muted">
        Kept until the agent is removed, the last 1,024. “Asked” counts connections and requests.{' '}
        <code className="font-mono">aether network {agent.name} --export csv</code> gives the same.
      </p>
    </section>
  );
}

const FIGURES = new Set(['Asked', 'Sent', 'Received']);

function Row({ to, onAllow }: { to: NetworkDestination; onAllow?: (rule: NetworkRule) => void }) {
  const denied = to.verdict === 'denied';
  return (
    <div
      role="row"
      className={`flex flex-wrap items-center gap-x-3 gap-y-0.5 px-4 py-2 text-13 @3xl:grid ${COLUMNS}`}
    >
      <span role="cell" className="min-w-0 basis-full font-mono text-12 break-all">
        {destinationText(to)}
      </span>
      <span role="cell">
        <State mood={MOODS[to.verdict]} word={VERDICTS[to.verdict]} />
      </span>
      <span
        role="cell"
        className="figures text-12 @3xl:text-right"
        title={`${to.allowed} allowed, ${to.denied} denied`}
      >
        {(to.allowed + to.denied).toLocaleString()}
        <span className="font-sans text-muted @3xl:sr-only"> asked</span>
      </span>
      <span role="cell" className="figures text-12 @3xl:text-right">
        {bytes(to.bytesSent)}
        <span className="font-sans text-muted @3xl:sr-only"> sent</span>
      </span>
      <span role="cell" className="figures text-12 @3xl:text-right">
        {bytes(to.bytesReceived)}
        <span className="font-sans text-muted @3xl:sr-only"> received</span>
      </span>
      <span
        role="cell"
        className={`order-last basis-full break-words @3xl:order-none @3xl:basis-auto ${denied ? 'text-failed' : 'text-muted'}`}
      >
        {to.reason}
        {to.program !== null && (
          <span className="block font-mono text-12 break-all text-muted">{to.program}</span>
        )}
      </span>
      <span role="cell" className="text-12 text-muted">
        <Ago at={to.lastAt} />
      </span>
      <span role="cell" className="ml-auto @3xl:text-right">
        {denied && onAllow && (
          <Button
            kind="quiet"
            className="h-7 text-accent"
            aria-label={`Allow ${destinationText(to)}`}
            onClick={() => onAllow({ host: to.host, ports: [to.port] })}
          >
            Allow
          </Button>
        )}
      </span>
    </div>
  );
}
