import type { Screen } from '@/api/generated';

interface Props {
  screen: Screen | undefined;
  /** A picture may still come. */
  waiting: boolean;
  className?: string;
}

const ROWS = 12;

/** The rows worth showing in little room: the last written ones, as a person would see a terminal scrolled to its end. */
export function visibleRows(lines: readonly string[], rows: number): string[] {
  let end = lines.length;
  while (end > 0 && lines[end - 1]!.trim() === '') end -= 1;
  return lines.slice(Math.max(0, end - rows), end);
}

/** What the agent's screen shows, small; the text is the service's own. */
export function Miniature({ screen, waiting, className = '' }: Props) {
  const rows = screen ? visibleRows(screen.lines, ROWS) : [];
  return (
    <div
      aria-hidden="true"
      className={`overflow-hidden rounded-sm border border-line bg-screen ${className}`}
    >
      {rows.length > 0 ? (
        <pre className="px-2 py-1.5 font-mono text-[9.5px] leading-[11.2px] text-screen-text">
          {rows.join('\n')}
        </pre>
      ) : (
        <p className="flex h-full items-center justify-center text-12 text-muted">
          {waiting && !screen ? '' : 'Nothing on its screen'}
        </p>
      )}
    </div>
  );
}
