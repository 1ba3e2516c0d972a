import { useEffect, useRef, useState } from 'react';
import { Channel, type End } from '@/api/channel';
import type { ApiError } from '@/api/generated';
import { useRemembered } from '@/lib/remember';
import { useThemeName } from '@/lib/theme';
import { ErrorNotice } from '@/ui/Notice';
import { Mark } from '@/ui/Mark';
import { drawFast, gapMarker, note, openTerminal, terminalTheme } from './xterm';

interface Props {
  /** A terminal's id, or an agent for its main program. */
  channel: string;
  label: string;
  /** Somebody may type. */
  stdin: boolean;
  /** It has a terminal; otherwise it writes bare line feeds. */
  tty: boolean;
  onEnded?: (end: End) => void;
}

const encoder = new TextEncoder();

/** One process on a screen, byte for byte. Ctrl+Shift+Up leaves it, and says so. Give it its channel as key. */
export function TerminalView({ channel: id, label, stdin, tty, onEnded }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const exit = useRef<HTMLButtonElement>(null);
  const screen = useRef<ReturnType<typeof openTerminal> | null>(null);
  const [state, setState] = useState<'connecting' | 'connected' | 'lost' | 'ended'>('connecting');
  const [refused, setRefused] = useState<ApiError | null>(null);
  const [focused, setFocused] = useState(false);
  const ended = useRef(onEnded);
  useEffect(() => {
    ended.current = onEnded;
  }, [onEnded]);
  const [spoken, setSpoken] = useRemembered('spoken', '');
  const theme = useThemeName();

  useEffect(() => {
    const opened = openTerminal(place.current!, !stdin);
    screen.current = opened;
    const { terminal } = opened;
    terminal.options.convertEol = !tty;
    const channel = new Channel(id, stdin, {
      output: (bytes, _stream, shown) => terminal.write(bytes, shown),
      gap: (bytes) => terminal.write(gapMarker(bytes)),
      hello: () => undefined,
      connected: (connected) => setState(connected ? 'connected' : 'lost'),
      ended: (end) => {
        setState('ended');
        terminal.write(
          note(end.signal ? `ended by ${end.signal}` : `ended with exit status ${end.code}`) + '\x1b[?25l',
        );
        ended.current?.(end);
      },
      refused: setRefused,
    });
    const typed = terminal.onData((data) => channel.input(encoder.encode(data)));
    const binary = terminal.onBinary((data) => channel.input(Uint8Array.from(data, (c) => c.charCodeAt(0))));
    const sized = terminal.onResize(({ cols, rows }) => channel.resize(cols, rows));
    channel.resize(terminal.cols, terminal.rows);
    terminal.attachCustomKeyEventHandler((event) => {
      if (event.type === 'keydown' && event.ctrlKey && event.shiftKey && event.key === 'ArrowUp') {
        exit.current?.focus();
        return false;
      }
      // The palette opens from anywhere, also from here.
      return !(event.metaKey && event.key === 'k');
    });
    return () => {
      channel.close();
      for (const each of [typed, binary, sized]) each.dispose();
      opened.dispose();
      screen.current = null;
    };
  }, [id, stdin, tty]);

  useEffect(() => {
    // Read from the page's tokens, which change with the theme.
    if (theme !== '' && screen.current) screen.current.terminal.options.theme = terminalTheme();
  }, [theme]);

  useEffect(() => {
    if (screen.current) screen.current.terminal.options.screenReaderMode = spoken === 'yes';
  }, [spoken]);

  useEffect(() => {
    const opened = screen.current;
    if (!focused || !opened) return;
    let gone = false;
    let release = () => undefined as void;
    void drawFast(opened.terminal).then((free) => {
      if (gone) free();
      else release = free;
    });
    return () => {
      gone = true;
      // The terminal may be gone already, and its renderer with it.
      if (screen.current === opened) release();
    };
  }, [focused]);

  return (
    <div className="flex min-h-0 flex-1 flex-col bg-screen" data-owns-keys="">
      <div
        role="group"
        aria-label={label}
        className="min-h-0 flex-1 overflow-hidden px-3 pt-2"
        onFocus={() => setFocused(true)}
        onBlur={() => setFocused(false)}
      >
        <div ref={place} className="h-full w-full" />
      </div>
      {refused && (
        <div className="p-3">
          <ErrorNotice error={refused} />
        </div>
      )}
      <div className="flex h-8 items-center gap-3 border-t border-line bg-surface px-3 text-12 text-muted">
        <span role="status" className="inline-flex items-center gap-1.5">
          <Mark
            mood={
              state === 'connected'
                ? 'working'
                : state === 'lost'
                  ? 'failed'
                  : state === 'ended'
                    ? 'done'
                    : 'queued'
            }
          />
          {WORDS[state]}
        </span>
        {!stdin && <span>Read-only: it was started without standard input</span>}
        <span className="flex-1" />
        <button
          type="button"
          aria-pressed={spoken === 'yes'}
          onClick={() => setSpoken(spoken === 'yes' ? '' : 'yes')}
          className="hidden h-6 items-center rounded-sm px-1.5 hover:text-text aria-pressed:bg-raised aria-pressed:text-text sm:inline-flex"
        >
          Screen reader
        </button>
        <button
          ref={exit}
          type="button"
          onClick={() => screen.current?.terminal.focus()}
          className="inline-flex h-6 items-center gap-1.5 rounded-sm px-1.5 hover:text-text"
        >
          {focused ? (
            <>
              Leave with <kbd className="font-mono">Ctrl Shift ↑</kbd>
            </>
          ) : (
            'Type here'
          )}
        </button>
      </div>
    </div>
  );
}

const WORDS = {
  connecting: 'Connecting',
  connected: 'Connected',
  lost: 'Connection lost, coming back from where it was',
  ended: 'Ended',
};
