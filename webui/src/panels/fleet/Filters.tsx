import { useNavigate } from '@tanstack/react-router';
import { LayoutGrid, Rows3 } from 'lucide-react';
import { useRef, useState } from 'react';
import { useOverview } from '@/api/live';
import { facetCounts, type Facet, type FleetQuery } from '@/lib/filter';
import { useShortcut } from '@/lib/shortcuts';
import { IconButton } from '@/ui/Button';
import { Pick } from '@/ui/Pick';
import { SearchBox } from '@/ui/SearchBox';

const CHIPS: { facet: Facet; label: string }[] = [
  { facet: 'live', label: 'Live' },
  { facet: 'working', label: 'Working' },
  { facet: 'waiting', label: 'Waiting' },
  { facet: 'paused', label: 'Paused' },
  { facet: 'queued', label: 'Queued' },
  { facet: 'ended', label: 'Ended' },
];

/** Filter, facets and view; each is in the URL, so a link shows the same fleet. */
export function Filters({ query, view }: { query: FleetQuery; view: 'grid' | 'list' }) {
  const navigate = useNavigate({ from: '/' });
  const counts = useOverview((agents) => facetCounts(agents));
  const reduced = useOverview((agents) => agents.some((agent) => agent.enforcement?.mode === 'reduced'));
  const set = (part: Partial<FleetQuery>) =>
    void navigate({ search: (old) => ({ ...old, ...part }), replace: true });
  const facet = query.show ?? 'live';

  return (
    <div className="flex flex-wrap items-center gap-2">
      <FilterBox q={query.q ?? ''} onChange={(q) => set({ q: q || undefined })} />
      <div
        role="group"
        aria-label="State"
        className="flex max-w-full items-center gap-1 overflow-x-auto py-0.5"
      >
        {CHIPS.filter((chip) => chip.facet === 'live' || chip.facet === facet || counts[chip.facet] > 0).map(
          (chip) => (
            <Chip
              key={chip.facet}
              label={chip.label}
              figure={counts[chip.facet]}
              on={chip.facet === facet}
              onClick={() => set({ show: chip.facet === 'live' ? undefined : chip.facet })}
            />
          ),
        )}
      </div>
      <Pick
        label="Kind"
        value={query.kind ?? ''}
        onChange={(kind) => set({ kind: (kind || undefined) as FleetQuery['kind'] })}
        options={[
          ['', 'All kinds'],
          ['goal', 'Goals'],
          ['program', 'Programs'],
        ]}
      />
      {(reduced || query.reduced) && (
        <Chip
          label="Reduced isolation"
          on={query.reduced === true}
          onClick={() => set({ reduced: query.reduced ? undefined : true })}
        />
      )}
      <span className="flex-1" />
      <div role="group" aria-label="View" className="hidden sm:flex">
        <IconButton
          label="Grid"
          aria-pressed={view === 'grid'}
          className={view === 'grid' ? 'bg-raised text-text' : ''}
          onClick={() => set({ view: 'grid' })}
        >
          <LayoutGrid size={16} />
        </IconButton>
        <IconButton
          label="List"
          aria-pressed={view === 'list'}
          className={view === 'list' ? 'bg-raised text-text' : ''}
          onClick={() => set({ view: 'list' })}
        >
          <Rows3 size={16} />
        </IconButton>
      </div>
    </div>
  );
}

function FilterBox({ q, onChange }: { q: string; onChange: (q: string) => void }) {
  const box = useRef<HTMLInputElement>(null);
  // Typing stays in the box; the URL follows, and a URL that changed elsewhere (back, a link) wins.
  const [typed, setText] = useState({ text: q, q });
  const text = typed.q === q || typed.text.trim() === q ? typed.text : q;
  useShortcut('/', 'Filter', 'Lists', () => box.current?.focus());
  return (
    <SearchBox
      ref={box}
      label="Filter agents"
      className="w-full sm:w-64 [&_input]:pr-8 [&_input::-webkit-search-cancel-button]:hidden"
      placeholder="Filter"
      value={text}
      onChange={(event) => {
        setText({ text: event.target.value, q });
        onChange(event.target.value.trim());
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        if (text === '') box.current?.blur();
        setText({ text: '', q });
        onChange('');
      }}
    >
      <kbd
        aria-hidden="true"
        className="pointer-events-none absolute top-1.5 right-2 hidden font-mono text-12 text-muted sm:block"
      >
        /
      </kbd>
    </SearchBox>
  );
}

interface ChipProps {
  label: string;
  figure?: number;
  on: boolean;
  onClick: () => void;
}

export function Chip({ label, figure, on, onClick }: ChipProps) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      className={`inline-flex h-7 shrink-0 items-center gap-1.5 rounded-sm border px-2.5 text-13 transition-colors duration-100 ${on ? 'border-accent bg-accent-soft text-text' : 'border-transparent text-muted hover:bg-raised hover:text-text'}`}
    >
      {label}
      {figure !== undefined && <span className="figures text-12">{figure}</span>}
    </button>
  );
}
