import { useNavigate } from '@tanstack/react-router';

/** What an agent runs: a goal, or a program. */
export function Doors({ door }: { door: 'program' | 'goal' }) {
  const navigate = useNavigate();
  const open = (next: 'program' | 'goal') =>
    void navigate({ to: '.', search: (old) => ({ ...old, deploy: next }), replace: true });
  return (
    <div role="radiogroup" aria-label="What it runs" className="grid gap-2 sm:grid-cols-2">
      <Door
        on={door === 'goal'}
        title="Give a goal"
        about="The built-in agent thinks, acts and observes until it is done."
        onOpen={() => open('goal')}
      />
      <Door
        on={door === 'program'}
        title="Run a program"
        about="Any command, in a terminal or in the background."
        onOpen={() => open('program')}
      />
    </div>
  );
}

function Door({
  on,
  title,
  about,
  onOpen,
}: {
  on: boolean;
  title: string;
  about: string;
  onOpen: () => void;
}) {
  return (
    <label
      className={`flex cursor-pointer items-start gap-2.5 rounded-sm border px-3 py-2.5 ${on ? 'border-accent bg-accent-soft' : 'border-line hover:border-line-strong'}`}
    >
      <input
        type="radio"
        name="door"
        checked={on}
        onChange={onOpen}
        className="mt-0.5 size-4 shrink-0 accent-accent-solid"
      />
      <span>
        <span className="block text-14 font-medium">{title}</span>
        <span className="block text-12 text-muted">{about}</span>
      </span>
    </label>
  );
}
