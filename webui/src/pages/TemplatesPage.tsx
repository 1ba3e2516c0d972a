import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useRef } from 'react';
import type { Template } from '@/api/generated';
import { refusalOf } from '@/api/http';
import * as api from '@/api/minds';
import { count } from '@/lib/format';
import { useShortcut } from '@/lib/shortcuts';
import { Chip } from '@/panels/fleet/Filters';
import { Button } from '@/ui/Button';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { PageHead } from '@/ui/PageHead';
import { SearchBox } from '@/ui/SearchBox';

/** Agents that somebody has thought through: role, tools and steps, with goals they were made for. */
export function TemplatesPage() {
  const { q, category } = useSearch({ from: '/templates' });
  const navigate = useNavigate({ from: '/templates' });
  const templates = useQuery({ queryKey: ['templates'], queryFn: ({ signal }) => api.templates(signal) });
  const box = useRef<HTMLInputElement>(null);
  useShortcut('/', 'Filter', 'Lists', () => box.current?.focus());
  const all = templates.data ?? [];
  const categories = [...new Set(all.map((each) => each.category))].toSorted();
  const shown = all.filter((each) => fits(each, q ?? '') && (!category || each.category === category));
  const choose = (next: string | undefined) =>
    void navigate({ search: (old) => ({ ...old, category: next }), replace: true });
  return (
    <>
      <PageHead title="Templates">
        <p className="text-13 text-muted">
          Role, tools and steps for a kind of work. Your own are TOML files in the service’s configuration.
        </p>
      </PageHead>
      <div className="flex flex-wrap items-center gap-2 px-4 pb-3">
        <SearchBox
          ref={box}
          label="Search templates"
          className="w-full sm:w-64"
          defaultValue={q ?? ''}
          onChange={(event) => {
            const text = event.target.value;
            void navigate({ search: (old) => ({ ...old, q: text || undefined }), replace: true });
          }}
        />
        <div role="group" aria-label="Category" className="flex flex-wrap gap-1">
          <Chip label="All" figure={all.length} on={!category} onClick={() => choose(undefined)} />
          {categories.map((each) => (
            <Chip
              key={each}
              label={each}
              figure={all.filter((one) => one.category === each).length}
              on={category === each}
              onClick={() => choose(each)}
            />
          ))}
        </div>
      </div>
      <div
        role="region"
        aria-label="Templates"
        tabIndex={0}
        className="min-h-0 flex-1 overflow-y-auto px-4 pb-6 focus-visible:-outline-offset-2"
      >
        {templates.error !== null ? (
          <ErrorNotice error={refusalOf(templates.error)} />
        ) : !templates.data ? (
          <div aria-busy="true" className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
            {Array.from({ length: 6 }, (_, i) => (
              <div key={i} className="skeleton h-52" />
            ))}
          </div>
        ) : shown.length === 0 ? (
          <Empty title="No template matches">Search for a role, a tool or a word of its description.</Empty>
        ) : (
          <ul aria-label="Templates" className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
            {shown.map((each) => (
              <Entry key={each.id} template={each} />
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

function fits(template: Template, text: string): boolean {
  const { id, name, description, role, tags, tools } = template;
  const hay = [id, name, description, role, ...tags, ...tools].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
}

function Entry({ template }: { template: Template }) {
  const navigate = useNavigate();
  const { id, name, description, category, tools, maxSteps, goals, source } = template;
  const start = (goal?: string) =>
    void navigate({ to: '.', search: (old) => ({ ...old, deploy: 'goal' as const, template: id, goal }) });
  return (
    <li className="flex flex-col rounded-lg border border-line bg-surface p-4">
      <div className="flex items-baseline gap-2">
        <h2 className="min-w-0 flex-1 text-14 font-semibold break-words">{name}</h2>
        <span className="text-12 text-muted">{category}</span>
      </div>
      <p className="mt-0.5 text-13">{description}</p>
      <p className="mt-1.5 text-12 text-muted" title={tools.join(', ')}>
        <code className="font-mono">{id}</code>, {count(tools.length, 'tool')}, {count(maxSteps, 'step')} at
        most{source !== 'built-in' && `, from ${source}`}
      </p>
      {goals.length > 0 && (
        <ul aria-label={`Goals of ${name}`} className="mt-2 flex flex-col gap-1">
          {goals.slice(0, 2).map((goal) => (
            <li key={goal}>
              <button
                type="button"
                onClick={() => start(goal)}
                title={goal}
                className="w-full rounded-sm px-2 py-1 text-left text-12 text-muted hover:bg-raised hover:text-text"
              >
                <span className="line-clamp-2">{goal}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="mt-auto pt-3">
        <Button aria-label={`Start ${name}`} onClick={() => start()}>
          Start
        </Button>
      </div>
    </li>
  );
}
