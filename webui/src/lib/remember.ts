import { useCallback, useState } from 'react';

/** A small choice of this browser, kept over reloads where storage is allowed. */
export function useRemembered(key: string, initial: string): [string, (value: string) => void] {
  const [value, set] = useState(() => recall(key) ?? initial);
  const keep = useCallback(
    (next: string) => {
      set(next);
      remember(key, next);
    },
    [key],
  );
  return [value, keep];
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`aether.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string) {
  try {
    localStorage.setItem(`aether.${key}`, value);
  } catch {
    // Storage may be forbidden; the choice then lasts until the page is closed.
  }
}
