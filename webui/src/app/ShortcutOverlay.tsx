import { keyCaps, useShortcuts } from '@/lib/shortcuts';
import { Dialog } from '@/ui/Dialog';

/** Every key that does something now, from the same registry that handles them. */
export function ShortcutOverlay({ open, onClose }: { open: boolean; onClose: () => void }) {
  const shortcuts = useShortcuts();
  const groups = [...new Set(shortcuts.map((each) => each.group))];
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Shortcuts"
      about="They rest while you type or a terminal has the keyboard."
    >
      <div className="grid gap-5 sm:grid-cols-2">
        {groups.map((group) => (
          <section key={group}>
            <h3 className="mb-1.5 text-12 font-medium text-muted">{group}</h3>
            <dl className="flex flex-col gap-1.5">
              {shortcuts
                .filter((each) => each.group === group)
                .map((each) => (
                  <div key={each.keys} className="flex items-center justify-between gap-3 text-13">
                    <dt>{each.label}</dt>
                    <dd className="flex gap-1">
                      {keyCaps(each.keys).map((cap, i) => (
                        <kbd
                          key={i}
                          className="min-w-6 rounded-sm border border-line-strong bg-canvas px-1.5 text-center font-mono text-12"
                        >
                          {cap}
                        </kbd>
                      ))}
                    </dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
