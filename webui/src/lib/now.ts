import { useSyncExternalStore } from 'react';

// One clock for the whole page: relative times change together and one timer serves them all.
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Milliseconds since the epoch, moving once a second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

/** The same, moving only when what `pick` makes of it changes. */
export function useNowAs<T extends string | number>(pick: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => pick(now));
}
