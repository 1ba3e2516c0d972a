import type { AgentDelta, Event } from './generated';

/** What an agent is about to say. Not kept anywhere: the thought that follows is what counts. */
export interface Draft {
  step: number;
  text: string;
  /** Tools whose calls have begun to be written. */
  calls: readonly string[];
}

type Listener = () => void;

/** Characters kept of one draft, its end. */
const KEPT = 20_000;

/** Answers while models write them, of the agents that somebody looks at. */
export class Drafts {
  readonly #drafts = new Map<number, Draft>();
  readonly #listeners = new Map<number, Set<Listener>>();

  get(number: number): Draft | undefined {
    return this.#drafts.get(number);
  }

  subscribe(number: number, listener: Listener): () => void {
    const set = this.#listeners.get(number) ?? new Set();
    this.#listeners.set(number, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size > 0 || this.#listeners.get(number) !== set) return;
      this.#listeners.delete(number);
      this.#drafts.delete(number);
    };
  }

  take({ pid, step, kind, text }: AgentDelta) {
    if (!this.#listeners.has(pid)) return;
    const known = this.#drafts.get(pid);
    const old = known?.step === step ? known : { step, text: '', calls: [] };
    this.#set(pid, next(old, kind, text));
  }

  /** The step is written down: its draft is out of date. */
  apply(event: Event) {
    if (event.type !== 'agent.progress' && event.type !== 'process.exit') return;
    const known = this.#drafts.get(event.pid);
    if (known && (event.type === 'process.exit' || event.step >= known.step)) this.#set(event.pid, undefined);
  }

  /** The connection broke: pieces were missed, so what is here has a hole. */
  clear() {
    for (const number of this.#drafts.keys()) this.#set(number, undefined);
  }

  #set(number: number, draft: Draft | undefined) {
    if (draft) this.#drafts.set(number, draft);
    else this.#drafts.delete(number);
    for (const listener of this.#listeners.get(number) ?? []) listener();
  }
}

function next(old: Draft, kind: AgentDelta['kind'], text: string): Draft {
  switch (kind) {
    case 'text':
      return { ...old, text: (old.text + text).slice(-KEPT) };
    case 'call':
      return { ...old, calls: [...old.calls, text] };
    case 'restart':
      return { step: old.step, text: '', calls: [] };
  }
}
