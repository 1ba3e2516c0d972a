import type { Approval, Event } from './generated';

type Listener = () => void;

/** How many answered ones are remembered, so that a list that was on its way cannot bring them back. */
const ANSWERED_KEPT = 256;
/** The service says itself when time ran out; after this much longer it is asked. */
const LATE_MS = 2000;

/** What agents wait for, fed by events and, after each connection, by the service's whole list. */
export class Approvals {
  readonly #pending = new Map<number, Approval>();
  readonly #answered = new Set<number>();
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #listeners = new Set<Listener>();
  readonly #load: () => Promise<readonly Approval[]>;
  #all: readonly Approval[] = [];

  constructor(load: () => Promise<readonly Approval[]>) {
    this.#load = load;
  }

  subscribe = (listener: Listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Oldest first; the same array until it changes. */
  all = (): readonly Approval[] => this.#all;

  /** Asks the service for all that waits. A refusal changes nothing: events go on. */
  async refresh() {
    try {
      this.replaceAll(await this.#load());
    } catch {
      // No answer: the next connection asks again.
    }
  }

  replaceAll(list: readonly Approval[]) {
    const named = new Set(list.map((each) => each.id));
    for (const id of this.#pending.keys()) if (!named.has(id)) this.#drop(id);
    for (const each of list) if (!this.#answered.has(each.id)) this.#keep(each);
    this.#changed();
  }

  apply(event: Event) {
    switch (event.type) {
      case 'approval.requested':
        // A service that was started again counts from one.
        this.#answered.delete(event.approval.id);
        this.#keep(event.approval);
        break;
      case 'approval.decided':
        this.#answer(event.id);
        break;
      case 'process.exit':
      case 'process.reaped': {
        const gone = this.#all.filter((each) => each.agentId === event.agentId);
        // Most ends are of agents that asked for nothing: nobody is woken.
        if (gone.length === 0) return;
        for (const each of gone) this.#drop(each.id);
        break;
      }
      default:
        return;
    }
    this.#changed();
  }

  /** It was answered here; the event that says so comes later. */
  answered(id: number) {
    this.#answer(id);
    this.#changed();
  }

  #answer(id: number) {
    this.#drop(id);
    this.#answered.add(id);
    const oldest = this.#answered.values().next();
    if (this.#answered.size > ANSWERED_KEPT && !oldest.done) this.#answered.delete(oldest.value);
  }

  #keep(approval: Approval) {
    if (!this.#pending.has(approval.id)) {
      const left = Math.max(0, Date.parse(approval.expiresAt) - Date.now());
      this.#timers.set(
        approval.id,
        setTimeout(() => void this.refresh(), left + LATE_MS),
      );
    }
    this.#pending.set(approval.id, approval);
  }

  #drop(id: number) {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    this.#pending.delete(id);
  }

  #changed() {
    this.#all = [...this.#pending.values()].toSorted((a, b) => a.id - b.id);
    for (const listener of this.#listeners) listener();
  }
}
