import type { Mood } from '@/lib/mood';

const COLOURS: Record<Mood, string> = {
  working: 'text-working',
  waiting: 'text-waiting',
  paused: 'text-muted',
  queued: 'text-muted',
  failed: 'text-failed',
  done: 'text-done',
};

/** A state as a shape of its own, so that it never depends on colour alone. */
export function Mark({ mood }: { mood: Mood }) {
  return (
    <svg
      width="10"
      height="10"
      viewBox="0 0 10 10"
      aria-hidden="true"
      className={`shrink-0 ${COLOURS[mood]}`}
    >
      {SHAPES[mood]}
    </svg>
  );
}

const SHAPES: Record<Mood, React.ReactNode> = {
  working: <circle cx="5" cy="5" r="4" fill="currentColor" />,
  waiting: (
    <>
      <circle cx="5" cy="5" r="3.6" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M5 1.4a3.6 3.6 0 0 1 0 7.2Z" fill="currentColor" />
    </>
  ),
  paused: <path d="M2 1h2v8H2zM6 1h2v8H6z" fill="currentColor" />,
  queued: (
    <circle
      cx="5"
      cy="5"
      r="3.8"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeDasharray="2 1.6"
    />
  ),
  failed: <path d="M1.5 1.5l7 7m0-7l-7 7" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  done: (
    <path
      d="M1.2 5.4 3.9 8 8.8 2.2"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
    />
  ),
};

const WORDS: Record<Mood, string> = {
  working: 'text-text',
  waiting: 'text-waiting',
  paused: 'text-muted',
  queued: 'text-muted',
  failed: 'text-failed',
  done: 'text-muted',
};

/** The mark with its word. */
export function State({ mood, word }: { mood: Mood; word: string }) {
  return (
    <span className={`inline-flex items-center gap-1.5 text-13 whitespace-nowrap ${WORDS[mood]}`}>
      <Mark mood={mood} />
      {word}
    </span>
  );
}
