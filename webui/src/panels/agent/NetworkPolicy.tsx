import { X } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import type { NetworkChange, NetworkMode, NetworkOtherwise, NetworkPreset } from '@/api/generated';
import {
  OTHERWISE,
  PRESETS,
  PRESET_NAMES,
  entriesOf,
  entryText,
  parseDestination,
  rulesOf,
  without,
} from '@/lib/network';
import { Button, IconButton } from '@/ui/Button';
import { TextField } from '@/ui/Field';
import { Choice } from '@/ui/Choice';
import type { Mood } from '@/lib/mood';
import { Mark } from '@/ui/Mark';

interface Props {
  policy: NetworkMode;
  /** Why it cannot be changed. */
  locked: string | null;
  busy: boolean;
  onChange: (change: NetworkChange) => Promise<boolean>;
}

const KINDS: Record<'allow' | 'deny' | 'preset', { word: string; mood: Mood }> = {
  allow: { word: 'Allow', mood: 'working' },
  deny: { word: 'Deny', mood: 'failed' },
  preset: { word: 'Preset', mood: 'working' },
};

/** The rules in force, one a line, and what happens to everything else. A change is in force at once. */
export function NetworkPolicy({ policy, locked, busy, onChange }: Props) {
  const entries = entriesOf(policy);
  const { otherwise, presets } = rulesOf(policy);
  return (
    <section className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-end justify-between gap-x-4 gap-y-2 p-4">
        <div>
          <h2 className="text-14 font-semibold">Policy</h2>
          <p className="text-13 text-muted">
            {locked ?? 'Changes are in force at once. Private and host addresses are never reached.'}
          </p>
        </div>
        <Choice
          label="Everything else"
          value={otherwise}
          disabled={locked !== null || busy}
          onChange={(next) => void onChange({ type: 'otherwise', otherwise: next as NetworkOtherwise })}
          options={(Object.keys(OTHERWISE) as NetworkOtherwise[]).map((each) => [each, OTHERWISE[each]])}
        />
      </div>
      {entries.length === 0 ? (
        <p className="border-t border-line px-4 py-2.5 text-13 text-muted">
          No rule names a destination: everything is {OTHERWISE[otherwise]}.
        </p>
      ) : (
        <ul aria-label="Rules" className="divide-y divide-line border-t border-line">
          {entries.map((entry) => (
            <li
              key={`${entry.kind} ${entryText(entry)}`}
              className="flex min-h-9 items-center gap-3 px-4 py-0.5 text-13"
            >
              <span
                className={`inline-flex w-16 shrink-0 items-center gap-1.5 ${entry.kind === 'deny' ? 'text-failed' : ''}`}
              >
                <Mark mood={KINDS[entry.kind].mood} />
                {KINDS[entry.kind].word}
              </span>
              <span className="min-w-0 flex-1 font-mono text-12 break-all">
                {entryText(entry)}
                {entry.kind === 'allow' && !entry.rule.ports?.length && (
                  <span className="text-muted"> ports 80, 443</span>
                )}
                {entry.kind === 'preset' && (
                  <span className="font-sans text-muted"> {PRESETS[entry.preset]}</span>
                )}
              </span>
              {locked === null && (
                <IconButton
                  label={`Remove ${KINDS[entry.kind].word.toLowerCase()} ${entryText(entry)}`}
                  busy={busy}
                  onClick={() => void onChange({ type: 'replace', policy: without(policy, entry) })}
                >
                  <X size={15} />
                </IconButton>
              )}
            </li>
          ))}
        </ul>
      )}
      {locked === null && <AddRule presets={presets} busy={busy} onChange={onChange} />}
    </section>
  );
}

type Kind = 'allow' | 'deny' | NetworkPreset;

function AddRule({
  presets,
  busy,
  onChange,
}: Pick<Props, 'busy' | 'onChange'> & { presets: readonly NetworkPreset[] }) {
  const [kind, setKind] = useState<Kind>('allow');
  const [text, setText] = useState('');
  const [error, setError] = useState<string | null>(null);
  const typed = kind === 'allow' || kind === 'deny';

  const add = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    const change = changeOf(kind, text);
    if (typeof change === 'string') {
      setError(change);
      return;
    }
    setError(null);
    if (await onChange(change)) {
      setText('');
      if (!typed) setKind('allow');
    }
  };
  return (
    <form
      onSubmit={(event) => void add(event)}
      className="flex flex-wrap items-end gap-2 border-t border-line p-4"
    >
      <Choice
        label="Add"
        value={kind}
        onChange={(next) => {
          setKind(next as Kind);
          setError(null);
        }}
        options={[
          ['allow', 'Allow'],
          ['deny', 'Deny'],
          ...PRESET_NAMES.filter((each) => !presets.includes(each)).map((each): [string, string] => [
            each,
            `Preset ${each}`,
          ]),
        ]}
      />
      {typed && (
        <div className="min-w-40 flex-1">
          <TextField
            label={kind === 'allow' ? 'Destination' : 'Host'}
            mono
            value={text}
            onChange={(event) => setText(event.target.value)}
            error={error}
            placeholder={kind === 'allow' ? 'api.example.com:443' : '*.example.com'}
          />
        </div>
      )}
      <Button type="submit" busy={busy} className="h-9">
        {typed ? 'Add rule' : 'Add preset'}
      </Button>
    </form>
  );
}

function changeOf(kind: Kind, text: string): NetworkChange | string {
  if (kind !== 'allow' && kind !== 'deny') return { type: 'preset', preset: kind };
  const parsed = parseDestination(text);
  if (parsed.error !== undefined) return parsed.error;
  if (kind === 'allow') return { type: 'allow', ...parsed.rule };
  if (parsed.rule.ports) return 'A denial is about the whole host: leave the port out.';
  return { type: 'deny', host: parsed.rule.host };
}
