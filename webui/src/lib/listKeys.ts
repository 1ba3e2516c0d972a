import { useShortcut } from './shortcuts';

const rows = () => [...document.querySelectorAll<HTMLElement>('[data-list] [data-row]')];

function step(by: number) {
  const all = rows();
  const now = all.indexOf(document.activeElement as HTMLElement);
  const next = all[now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

interface Keys {
  onToggle?: (id: string, range: boolean) => void;
  onEscape?: () => void;
}

/** j and k walk through a list, x selects, Escape lets go; Enter follows the focused link as everywhere. */
export function useListKeys({ onToggle, onEscape }: Keys) {
  useShortcut('j', 'Next', 'Lists', () => step(1));
  useShortcut('k', 'Previous', 'Lists', () => step(-1));
  useShortcut(
    'x',
    'Select',
    'Lists',
    () => {
      const id = (document.activeElement as HTMLElement | null)?.dataset.row;
      if (id) onToggle?.(id, false);
    },
    onToggle !== undefined,
  );
  useShortcut('Escape', 'Clear selection', 'Lists', () => onEscape?.(), onEscape !== undefined);
}
