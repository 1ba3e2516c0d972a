import { added, compare, countChanges, type DiffLine } from './diff';

/** What a call is about to do, as far as its arguments say. */
export type Effect =
  | { kind: 'command'; command: string }
  | { kind: 'write'; path: string; lines: DiffLine[]; about: string; change: string }
  | { kind: 'other'; verb: string; target: string };

/** The text of a file as a call wrote it, and in which step. */
export interface Written {
  content: string;
  step: number;
}

/** The service cuts long arguments in events and says so in their middle. */
const CUT = /\n\[\.\.\. \d+ characters left out[^\n]*\.\.\.\]\n/;

const VERBS: Record<string, string> = {
  read_file: 'Reads',
  list_files: 'Lists',
  stat: 'Looks at',
  mkdir: 'Makes the directory',
  rm: 'Removes',
  browse_web: 'Fetches',
};

/** The effect of a call; `before` is what an earlier call wrote to the same file. */
export function effectOf(
  tool: string,
  args: unknown,
  before: (path: string) => Written | undefined,
): Effect | null {
  if (typeof args !== 'object' || args === null) return null;
  const given = args as Record<string, unknown>;
  const text = (key: string) => (typeof given[key] === 'string' ? given[key] : undefined);
  const [path, from, to] = [text('path'), text('source'), text('destination')];
  if (tool === 'run_command') {
    const command = text('command');
    return command === undefined ? null : { kind: 'command', command };
  }
  if (tool === 'write_file') {
    const content = text('content');
    return path === undefined || content === undefined ? null : write(path, content, before(path));
  }
  if ((tool === 'mv' || tool === 'cp') && from !== undefined && to !== undefined)
    return { kind: 'other', verb: tool === 'mv' ? 'Moves' : 'Copies', target: `${from} → ${to}` };
  const verb = VERBS[tool];
  const target = path ?? text('url');
  return verb === undefined || target === undefined ? null : { kind: 'other', verb, target };
}

function write(path: string, content: string, known: Written | undefined): Effect {
  const whole = !CUT.test(content);
  const diff = whole && known && !CUT.test(known.content) ? compare(known.content, content) : null;
  const lines = diff ?? added(content);
  const changed = countChanges(lines);
  const about = diff
    ? `Compared with what it wrote in step ${known!.step}; commands may have changed the file since.`
    : whole
      ? 'The whole file as it is written.'
      : 'The file as it is written, without its middle: events carry the ends of long texts.';
  const change = [changed.added > 0 && `+${changed.added}`, changed.removed > 0 && `−${changed.removed}`]
    .filter(Boolean)
    .join(' ');
  return { kind: 'write', path, lines, about, change: whole ? change : '' };
}
