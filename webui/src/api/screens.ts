import { useCallback, useSyncExternalStore } from 'react';
import { screens as ask } from './agents';
import type { Screen } from './generated';

/** Pictures are asked for at most this often, all shown ones in one request. */
const EVERY_MS = 600;
/** Agents per request: keeps the address well below what servers take. */
const PER_REQUEST = 60;

/** Small true pictures of the agents' screens, asked for only while they are shown. */
class Screens {
  readonly #held = new Map<string, Screen>();
  readonly #wanted = new Map<string, Set<() => void>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;

  get(id: string): Screen | undefined {
    return this.#held.get(id);
  }

  show(id: string, wake: () => void): () => void {
    const wakes = this.#wanted.get(id) ?? new Set();
    this.#wanted.set(id, wakes.add(wake));
    this.#soon(30);
    return () => {
      wakes.delete(wake);
      if (wakes.size === 0) this.#wanted.delete(id);
    };
  }

  #soon(wait: number) {
    if (this.#running || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#round();
    }, wait);
  }

  async #round() {
    if (this.#wanted.size === 0) return;
    this.#running = true;
    try {
      if (document.visibilityState === 'visible') await this.#ask();
    } catch {
      // The connection bar tells of it; the pictures stay as they were.
    } finally {
      this.#running = false;
      if (this.#wanted.size > 0) this.#soon(EVERY_MS);
    }
  }

  async #ask() {
    const ids = [...this.#wanted.keys()];
    for (let i = 0; i < ids.length; i += PER_REQUEST) {
      const part = ids.slice(i, i + PER_REQUEST);
      const changed = await ask(
        part,
        part.map((id) => this.#held.get(id)?.version ?? 0),
      );
      for (const [id, screen] of Object.entries(changed)) {
        this.#held.set(id, screen);
        for (const wake of this.#wanted.get(id) ?? []) wake();
      }
    }
  }
}

const screens = new Screens();

/** The screen of an agent while the component is shown and `live`. */
export function useScreen(id: string, live: boolean): Screen | undefined {
  const subscribe = useCallback((wake: () => void) => (live ? screens.show(id, wake) : nothing), [id, live]);
  return useSyncExternalStore(subscribe, () => screens.get(id));
}

const nothing = () => undefined;
