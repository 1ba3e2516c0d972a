import { DropdownMenu } from 'radix-ui';
import type { ReactElement, ReactNode } from 'react';

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  refused?: string | null;
}

/** A list of actions behind a button. Not modal: the modal one writes a style element, which the security policy refuses. */
export function Menu({ trigger, items }: { trigger: ReactElement; items: readonly MenuItem[] }) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          collisionPadding={8}
          className="fade-in z-50 min-w-44 rounded-sm border border-line-strong bg-raised p-1 shadow-float"
        >
          {items.map((item) => (
            <DropdownMenu.Item
              key={item.label}
              disabled={item.refused != null}
              onSelect={item.onSelect}
              className={`flex items-center gap-2 rounded-sm px-2 py-1.5 text-13 outline-none data-[disabled]:opacity-60 data-[highlighted]:bg-accent-soft ${item.danger ? 'text-failed' : ''}`}
            >
              {item.icon}
              <span>
                {item.label}
                {item.refused && <span className="block text-12 text-muted">{item.refused}</span>}
              </span>
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
