import { useNavigate } from '@tanstack/react-router';
import { Command } from 'cmdk';
import { Dialog } from 'radix-ui';
import { useState, type ReactNode } from 'react';
import { fleet, useOverview } from '@/api/live';
import { moodOf, purposeOf, wordOf } from '@/lib/mood';
import { setTheme } from '@/lib/theme';
import { State } from '@/ui/Mark';

interface Props {
  onClose: () => void;
  onHelp: () => void;
}

const ITEM =
  'flex min-h-9 cursor-pointer items-center gap-3 rounded-sm px-2.5 py-1.5 text-13 data-[selected=true]:bg-accent-soft';
const SHOWN = 60;

/** Agents, places and actions by name. */
export function Palette({ onClose, onHelp }: Props) {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const ids = useOverview((agents) => matching(agents, text).map((agent) => agent.id));
  const go = (action: () => void) => () => {
    onClose();
    action();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-40 bg-scrim" aria-hidden="true" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fade-in fixed inset-x-3 top-[10vh] z-40 mx-auto max-w-xl overflow-hidden rounded-lg border border-line-strong bg-surface shadow-float"
        >
          <Dialog.Title className="sr-only">Search agents and actions</Dialog.Title>
          <Command label="Search agents and actions" loop>
            <Command.Input
              value={text}
              onValueChange={setText}
              placeholder="Agent, place or action"
              className="h-12 w-full border-b border-line bg-transparent px-4 text-14 outline-none"
            />
            <Command.List className="max-h-[55vh] overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-8 text-center text-13 text-muted">
                Nothing is called “{text}”.
              </Command.Empty>
              <Group heading="Actions">
                <Command.Item
                  className={ITEM}
                  onSelect={go(
                    () => void navigate({ to: '.', search: (old) => ({ ...old, deploy: 'goal' as const }) }),
                  )}
                >
                  Deploy an agent with a goal
                </Command.Item>
                <Command.Item
                  className={ITEM}
                  onSelect={go(
                    () =>
                      void navigate({ to: '.', search: (old) => ({ ...old, deploy: 'program' as const }) }),
                  )}
                >
                  Deploy a program
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(onHelp)}>
                  Show shortcuts
                </Command.Item>
              </Group>
              <Group heading="Places">
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/' }))}>
                  Fleet
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/approvals' }))}>
                  Approvals
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/history' }))}>
                  History
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/templates' }))}>
                  Templates
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/models' }))}>
                  Models
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/secrets' }))}>
                  Secrets
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => void navigate({ to: '/system' }))}>
                  System
                </Command.Item>
              </Group>
              {ids.length > 0 && (
                <Group heading="Agents">
                  {ids.map((id) => (
                    <AgentItem
                      key={id}
                      id={id}
                      onSelect={go(() => void navigate({ to: '/agents/$ref', params: { ref: id } }))}
                    />
                  ))}
                </Group>
              )}
              <Group heading="Theme">
                <Command.Item className={ITEM} onSelect={go(() => setTheme('dark'))}>
                  Dark theme
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => setTheme('light'))}>
                  Light theme
                </Command.Item>
                <Command.Item className={ITEM} onSelect={go(() => setTheme('system'))}>
                  Theme as the system
                </Command.Item>
              </Group>
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function matching(agents: ReturnType<typeof fleet.all>, text: string) {
  const wanted = text.toLowerCase();
  return agents
    .filter((agent) => `${agent.name} ${agent.id} ${purposeOf(agent)}`.toLowerCase().includes(wanted))
    .toSorted((a, b) => b.number - a.number)
    .slice(0, SHOWN);
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-12 [&_[cmdk-group-heading]]:text-muted"
    >
      {children}
    </Command.Group>
  );
}

function AgentItem({ id, onSelect }: { id: string; onSelect: () => void }) {
  const agent = fleet.get(id);
  if (!agent) return null;
  return (
    <Command.Item
      className={ITEM}
      value={`${agent.name} ${agent.id}`}
      keywords={[purposeOf(agent)]}
      onSelect={onSelect}
    >
      <span className="font-medium">{agent.name}</span>
      <span className="min-w-0 flex-1 truncate text-muted">{purposeOf(agent)}</span>
      <State mood={moodOf(agent)} word={wordOf(agent)} />
    </Command.Item>
  );
}
