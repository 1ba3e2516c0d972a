import { useQuery } from '@tanstack/react-query';
import { X } from 'lucide-react';
import type { RuleEffect } from '@/api/generated';
import * as api from '@/api/minds';
import { KINDS, KIND_LABELS } from '@/lib/budget';
import { count } from '@/lib/format';
import { ABOUT, EFFECTS, EMPTY_RULE, type About, type RuleDraft } from '@/lib/rules';
import { Button, IconButton } from '@/ui/Button';
import { Choice } from '@/ui/Choice';
import { TextArea, TextField } from '@/ui/Field';
import { BudgetFields } from './BudgetFields';
import { Fold } from './Fold';
import type { PartProps } from './draft';

/** The goal, from a template or from nothing. */
export function GoalPart({ draft, set, errorOf }: PartProps) {
  const models = useQuery({ queryKey: ['llm'], queryFn: ({ signal }) => api.models(signal) });
  const templates = useQuery({ queryKey: ['templates'], queryFn: ({ signal }) => api.templates(signal) });
  const chosen = templates.data?.find((each) => each.id === draft.template);
  const usable = (models.data?.providers ?? []).filter((each) => each.state === 'available');
  return (
    <>
      <TextArea
        label="Goal"
        rows={3}
        autoFocus
        value={draft.goal}
        onChange={(event) => set('goal', event.target.value)}
        error={errorOf('goal')}
        placeholder={chosen?.goals[0] ?? 'Inspect this machine and write a report'}
      />
      <div className="grid gap-4 sm:grid-cols-2">
        <div>
          <Choice
            label="Template"
            value={draft.template}
            onChange={(next) => set('template', next)}
            options={[
              ['', 'None'],
              ...(
                templates.data ?? (draft.template ? [{ id: draft.template, name: draft.template }] : [])
              ).map((each): [string, string] => [each.id, each.name]),
            ]}
          />
          {errorOf('template') ? (
            <p role="alert" className="mt-1 text-12 text-failed">
              {errorOf('template')}
            </p>
          ) : (
            chosen && <p className="mt-1 text-12 text-muted">{chosen.description}</p>
          )}
        </div>
        <TextField
          label="Role"
          value={draft.role}
          onChange={(event) => set('role', event.target.value)}
          error={errorOf('role')}
          placeholder={chosen?.role ?? 'Coder'}
        />
        <TextField
          label="Model"
          list="models"
          mono
          value={draft.model}
          onChange={(event) => set('model', event.target.value)}
          error={errorOf('model')}
          placeholder={models.data?.defaultModel ?? 'provider/model'}
          hint={
            models.data &&
            (models.data.defaultModel === 'heuristic'
              ? 'Without a model the built-in rules work on it. They are no model.'
              : `${models.data.defaultModel} when empty.`)
          }
        />
        <TextField
          label="Steps at most"
          inputMode="numeric"
          mono
          value={draft.maxSteps}
          onChange={(event) => set('maxSteps', event.target.value)}
          error={errorOf('maxSteps')}
          placeholder={String(chosen?.maxSteps ?? 50)}
        />
      </div>
      <datalist id="models">
        {usable
          .flatMap((each) => [each.name, ...each.models.map((one) => `${each.name}/${one}`)])
          .map((each) => (
            <option key={each} value={each}>
              {each}
            </option>
          ))}
      </datalist>
    </>
  );
}

/** What it may do with its tools, and what a person decides. */
export function ToolsPart({ draft, set, errorOf }: PartProps) {
  const tools = draft.tools.split(/[\s,]+/).filter(Boolean).length;
  const now = [
    tools > 0 ? count(tools, 'tool') : draft.template ? 'the template’s tools' : 'every tool',
    draft.rules.length > 0 ? count(draft.rules.length, 'rule') : 'no rules of its own',
  ];
  const error = errorOf('rules');
  const change = (i: number, part: Partial<RuleDraft>) =>
    set(
      'rules',
      draft.rules.map((each, at) => (at === i ? { ...each, ...part } : each)),
    );
  return (
    <Fold title="Tools and rules" now={now.join(', ')} invalid={error !== null || errorOf('tools') !== null}>
      <TextArea
        label="Tools"
        mono
        rows={2}
        value={draft.tools}
        onChange={(event) => set('tools', event.target.value)}
        error={errorOf('tools')}
        hint="Names, parted by blanks; empty gives it every tool, or those of the template."
        placeholder="read_file list_files run_command"
      />
      <p className="mt-4 text-13 font-medium">Rules</p>
      <p className="mb-2 text-12 text-muted">
        The first that fits counts; the service’s own rules hold as well. * stands for any text.
      </p>
      <ul aria-label="Rules" className="flex flex-col gap-2">
        {draft.rules.map((rule, i) => (
          // oxlint-disable-next-line react/no-array-index-key -- rows have no other name
          <li key={i} className="flex flex-wrap items-center gap-2">
            <select
              aria-label={`Rule ${i + 1}: what happens`}
              value={rule.then}
              onChange={(event) => change(i, { then: event.target.value as RuleEffect })}
              className={SELECT}
            >
              {Object.entries(EFFECTS).map(([each, text]) => (
                <option key={each} value={each}>
                  {text}
                </option>
              ))}
            </select>
            <select
              aria-label={`Rule ${i + 1}: about`}
              value={rule.about}
              onChange={(event) => change(i, { about: event.target.value as About })}
              className={SELECT}
            >
              {Object.entries(ABOUT).map(([each, { label }]) => (
                <option key={each} value={each}>
                  {label}
                </option>
              ))}
            </select>
            {rule.about !== 'tainted' && (
              <input
                aria-label={`Rule ${i + 1}: pattern`}
                value={rule.pattern}
                onChange={(event) => change(i, { pattern: event.target.value })}
                placeholder={ABOUT[rule.about].example}
                spellCheck={false}
                className="h-9 min-w-40 flex-1 rounded-sm border border-line bg-canvas px-2.5 font-mono text-13 hover:border-line-strong"
              />
            )}
            <IconButton
              label={`Remove rule ${i + 1}`}
              onClick={() =>
                set(
                  'rules',
                  draft.rules.filter((_, at) => at !== i),
                )
              }
            >
              <X size={15} />
            </IconButton>
          </li>
        ))}
      </ul>
      {error && (
        <p role="alert" className="mt-2 text-12 text-failed">
          {error}
        </p>
      )}
      <Button className="mt-2" onClick={() => set('rules', [...draft.rules, EMPTY_RULE])}>
        Add a rule
      </Button>
    </Fold>
  );
}

const SELECT = 'h-9 rounded-sm border border-line bg-canvas px-2 text-13 hover:border-line-strong';

/** Whether what it learns outlives it. */
export function MemoryPart({ draft, set, errorOf }: PartProps) {
  const minds = useQuery({ queryKey: ['minds'], queryFn: ({ signal }) => api.minds(signal) });
  const names = [...new Set((minds.data ?? []).flatMap((each) => each.name ?? []))];
  return (
    <Fold
      title="Memory"
      now={draft.mind ? `shared as ${draft.mind}` : 'its own, gone when it is removed'}
      invalid={errorOf('mind') !== null}
    >
      <TextField
        label="Name of a memory"
        mono
        list="minds"
        value={draft.mind}
        onChange={(event) => set('mind', event.target.value)}
        error={errorOf('mind')}
        hint="Agents of yours with the same name share it, and it stays when they are removed."
        placeholder="its own"
      />
      <datalist id="minds">
        {names.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </datalist>
    </Fold>
  );
}

/** What it may use up in all. */
export function BudgetPart({ draft, set, errorOf, budgetErrors }: PartProps) {
  const given = KINDS.filter((kind) => draft.budget[kind].trim() !== '');
  const now = given.map((kind) => `${KIND_LABELS[kind].toLowerCase()} ${draft.budget[kind]}`).join(', ');
  const wrong = errorOf('budget') !== null;
  return (
    <Fold title="Budget" now={now || 'the service’s limits'} invalid={wrong}>
      <p className="mb-3 text-12 text-muted">
        At four fifths you are warned; at the limit it is frozen, not ended, and can be let go on.
      </p>
      <BudgetFields
        draft={draft.budget}
        set={(next) => set('budget', next)}
        errorOf={(kind) => (wrong ? (budgetErrors[kind] ?? null) : null)}
        program={draft.door === 'program'}
      />
    </Fold>
  );
}
