import { useEffect, useRef, useSyncExternalStore } from 'react';

export interface Shortcut {
  /** One key (`/`, `?`, `mod+k`) or a sequence (`g f`). */
  keys: string;
  label: string;
  group: string;
}
interface Entry extends Shortcut {
  run: () => void;
}

const entries = new Set<Entry>();
const listeners = new Set<() => void>();
let shown: readonly Shortcut[] = [];
let pendingKey: { key: string; at: number } | null = null;

function changed() {
  shown = [...entries].map(({ keys, label, group }) => ({ keys, label, group }));
  for (const listener of listeners) listener();
}

/** Everything that a key does now; the help overlay shows exactly this. */
export function useShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => shown,
  );
}

/** Binds a key while the component is shown. */
export function useShortcut(keys: string, label: string, group: string, run: () => void, enabled = true) {
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    if (!enabled) return;
    const entry: Entry = { keys, label, group, run: () => latest.current() };
    entries.add(entry);
    changed();
    return () => {
      entries.delete(entry);
      changed();
    };
  }, [keys, label, group, enabled]);
}

function typesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

/** Gives a key to its shortcut; keys with Ctrl or Cmd also work while somebody types. */
export function handleKey(event: KeyboardEvent, now = Date.now()): boolean {
  if (event.defaultPrevented || event.altKey) return false;
  const mod = event.ctrlKey || event.metaKey;
  const target = event.target;
  if (target instanceof Element && target.closest('[data-owns-keys]')) return false;
  if (!mod && typesText(target)) return false;
  if (!mod && target instanceof Element && target.closest('[role=dialog],[role=menu]')) return false;
  const key = `${mod ? 'mod+' : ''}${event.key.length === 1 && mod ? event.key.toLowerCase() : event.key}`;
  const sequence = pendingKey && now - pendingKey.at < 1200 ? `${pendingKey.key} ${key}` : null;
  pendingKey = null;
  for (const wanted of sequence ? [sequence, key] : [key]) {
    const entry = [...entries].findLast((each) => each.keys === wanted);
    if (entry) {
      event.preventDefault();
      entry.run();
      return true;
    }
  }
  if ([...entries].some((each) => each.keys.startsWith(`${key} `))) pendingKey = { key, at: now };
  return false;
}

const MAC = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.userAgent);

/** Keys as people read them on this machine. */
export function keyCaps(keys: string): string[] {
  return keys.split(' ').flatMap((part) =>
    part.split('+').map((key) => {
      if (key === 'mod') return MAC ? '⌘' : 'Ctrl';
      return key.length === 1 ? key.toUpperCase() : key;
    }),
  );
}
