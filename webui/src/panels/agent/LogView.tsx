import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { logs } from '@/api/agents';
import type { AgentInfo } from '@/api/generated';
import { refusalOf } from '@/api/http';
import { useThemeName } from '@/lib/theme';
import { Empty, ErrorNotice } from '@/ui/Notice';
import { note, openTerminal, terminalTheme } from './xterm';

/** What an ended agent's program printed, as far as it is kept. */
export function LogView({ agent }: { agent: AgentInfo }) {
  const place = useRef<HTMLDivElement>(null);
  const screen = useRef<ReturnType<typeof openTerminal> | null>(null);
  const theme = useThemeName();
  const kept = useQuery({
    queryKey: ['logs', agent.id, agent.endedAt],
    queryFn: ({ signal }) => logs(agent.id, signal),
    gcTime: 0,
  });
  const bytes = kept.data;
  const tty = agent.spec.program.type === 'command' && agent.spec.program.tty === true;
  const exit = agent.exit;

  useEffect(() => {
    if (!bytes || bytes.length === 0 || !place.current) return;
    const opened = openTerminal(place.current, true);
    screen.current = opened;
    opened.terminal.options.convertEol = !tty;
    opened.terminal.write(bytes);
    if (exit)
      opened.terminal.write(
        note(exit.signal ? `ended by ${exit.signal}` : `ended with exit status ${exit.code}`) + '\x1b[?25l',
      );
    return () => {
      opened.dispose();
      screen.current = null;
    };
  }, [bytes, tty, exit]);
  useEffect(() => {
    // Read from the page's tokens, which change with the theme.
    if (theme !== '' && screen.current) screen.current.terminal.options.theme = terminalTheme();
  }, [theme]);

  if (kept.isError) {
    return (
      <div className="p-4">
        <ErrorNotice error={refusalOf(kept.error)} />
      </div>
    );
  }
  if (kept.isPending) return <div className="flex-1 bg-screen" aria-busy="true" />;
  if (bytes?.length === 0)
    return <Empty title="It printed nothing">What a program prints is kept here after its end.</Empty>;
  return (
    <div className="flex min-h-0 flex-1 flex-col bg-screen" data-owns-keys="">
      <div
        role="group"
        aria-label={`Kept output of ${agent.name}`}
        className="min-h-0 flex-1 overflow-hidden px-3 pt-2"
      >
        <div ref={place} className="h-full w-full" />
      </div>
    </div>
  );
}
