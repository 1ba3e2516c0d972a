import { Link, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { memo, useRef } from 'react';
import { useAgent, useSamples } from '@/api/live';
import type { FleetQuery, SortKey } from '@/lib/filter';
import { bytes, cpus } from '@/lib/format';
import { moodOf, purposeOf, roleOf, wordOf } from '@/lib/mood';
import { State } from '@/ui/Mark';
import { Ago } from '@/ui/When';
import { Isolation } from './Tile';

interface Props {
  ids: readonly string[];
  query: FleetQuery;
  selected: ReadonlySet<string>;
  onSelect: (id: string, range: boolean) => void;
  onSelectAll: (all: boolean) => void;
}

const COLUMNS = 'grid-cols-[28px_minmax(140px,1.2fr)_150px_minmax(120px,2fr)_72px_88px_96px_84px]';
const HEADS: { key: SortKey | null; label: string; right?: boolean }[] = [
  { key: 'name', label: 'Name' },
  { key: 'state', label: 'State' },
  { key: null, label: 'Last action' },
  { key: 'cpu', label: 'CPU', right: true },
  { key: 'memory', label: 'Memory', right: true },
  { key: 'age', label: 'Asked for' },
  { key: null, label: 'Isolation' },
];

/** The fleet as rows, sortable by what is measured; only rows in view exist. */
export function List({ ids, query, selected, onSelect, onSelectAll }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 40,
    overscan: 12,
  });
  const all = ids.length > 0 && ids.every((id) => selected.has(id));
  return (
    <div
      ref={scroller}
      className="mx-4 mb-4 min-h-0 overflow-auto rounded-lg border border-line bg-surface"
      data-list=""
    >
      <div role="table" aria-label="Agents" aria-rowcount={ids.length + 1} className="min-w-[900px]">
        <div
          role="row"
          aria-rowindex={1}
          className={`sticky top-0 z-10 grid h-9 items-center gap-3 border-b border-line bg-surface px-3 ${COLUMNS}`}
        >
          <span role="columnheader" className="flex">
            <input
              type="checkbox"
              aria-label="Select all shown"
              checked={all}
              onChange={() => onSelectAll(!all)}
              className="size-4 accent-accent-solid"
            />
          </span>
          {HEADS.map((head) => (
            <Head key={head.label} sortKey={head.key} label={head.label} right={head.right} query={query} />
          ))}
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => (
            <Row
              key={ids[row.index]}
              id={ids[row.index]!}
              index={row.index}
              top={row.start}
              selected={selected.has(ids[row.index]!)}
              onSelect={onSelect}
            />
          ))}
        </div>
      </div>
    </div>
  );
}

interface HeadProps {
  sortKey: SortKey | null;
  label: string;
  right?: boolean;
  query: FleetQuery;
}

function Head({ sortKey: key, label, right, query }: HeadProps) {
  const navigate = useNavigate({ from: '/' });
  const on = key !== null && query.sort === key;
  if (key === null) {
    return (
      <span role="columnheader" className="text-12 text-muted">
        {label}
      </span>
    );
  }
  const sort = () =>
    void navigate({
      search: (old) => ({ ...old, sort: key, asc: on && !query.asc ? true : undefined }),
      replace: true,
    });
  return (
    <span
      role="columnheader"
      aria-sort={on ? (query.asc ? 'ascending' : 'descending') : 'none'}
      className={right ? 'text-right' : ''}
    >
      <button
        type="button"
        onClick={sort}
        className={`inline-flex h-6 items-center gap-1 text-12 hover:text-text ${on ? 'text-text' : 'text-muted'}`}
      >
        {label}
        {on &&
          (query.asc ? <ArrowUp size={12} aria-hidden="true" /> : <ArrowDown size={12} aria-hidden="true" />)}
      </button>
    </span>
  );
}

interface RowProps {
  id: string;
  index: number;
  top: number;
  selected: boolean;
  onSelect: (id: string, range: boolean) => void;
}

const Row = memo(function Row({ id, index, top, selected, onSelect }: RowProps) {
  const agent = useAgent(id);
  const samples = useSamples(id);
  if (!agent) return null;
  const live = agent.state !== 'dead' && agent.state !== 'queued';
  const last = live ? (samples[samples.length - 1] ?? agent.usage) : null;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      style={{ top }}
      className={`absolute inset-x-0 grid h-10 items-center gap-3 border-b border-line px-3 text-13 ${selected ? 'bg-accent-soft' : 'hover:bg-raised'} ${COLUMNS}`}
    >
      <span role="cell" className="flex">
        <input
          type="checkbox"
          aria-label={`Select ${agent.name}`}
          checked={selected}
          onChange={() => undefined}
          onClick={(event) => onSelect(id, event.shiftKey)}
          className="size-4 accent-accent-solid"
        />
      </span>
      <span role="cell" className="min-w-0 truncate">
        <Link to="/agents/$ref" params={{ ref: id }} data-row={id} className="font-medium hover:underline">
          {agent.name}
        </Link>{' '}
        <span className="text-12 text-muted">{roleOf(agent)}</span>
      </span>
      <span role="cell">
        <State mood={moodOf(agent)} word={wordOf(agent)} />
      </span>
      <span role="cell" className="truncate text-muted" title={agent.lastAction ?? purposeOf(agent)}>
        {agent.lastAction ?? purposeOf(agent)}
      </span>
      <span role="cell" className="figures text-right text-12">
        {last ? cpus(last.cpus) : '–'}
      </span>
      <span role="cell" className="figures text-right text-12">
        {last ? bytes(last.memoryBytes) : '–'}
      </span>
      <span role="cell" className="text-12 text-muted">
        <Ago at={agent.createdAt} />
      </span>
      <span role="cell" className="flex">
        <Isolation agent={agent} />
      </span>
    </div>
  );
});
