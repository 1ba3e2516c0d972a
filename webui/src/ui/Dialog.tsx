import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import type { ReactNode } from 'react';
import { IconButton } from './Button';

interface Props {
  open: boolean;
  onClose: () => void;
  title: string;
  /** One line under the title. */
  about?: string;
  children: ReactNode;
  /** Stays in view below what scrolls. */
  footer?: ReactNode;
  wide?: boolean;
  /** There is nothing to fill in: the dialog itself takes the focus, so that it is read from its beginning. */
  reads?: boolean;
}

/**
 * A modal dialog: keeps the focus, closes with Escape and gives the focus back.
 *
 * The scrim is our own element: the library's writes a style element into the page, which the security policy refuses.
 */
export function Dialog({ open, onClose, title, about, children, footer, wide, reads }: Props) {
  return (
    <Primitive.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Primitive.Portal>
        <div className="fade-in fixed inset-0 z-40 bg-scrim" aria-hidden="true" />
        <Primitive.Content
          aria-describedby={undefined}
          onOpenAutoFocus={
            reads
              ? (event) => {
                  event.preventDefault();
                  (event.currentTarget as HTMLElement | null)?.focus();
                }
              : undefined
          }
          className={`fade-in fixed inset-x-0 bottom-0 z-40 mx-auto flex max-h-[92dvh] w-full flex-col rounded-t-lg border border-line bg-surface shadow-float sm:top-[8vh] sm:bottom-auto sm:max-h-[84vh] sm:rounded-lg ${wide ? 'sm:max-w-3xl' : 'sm:max-w-lg'}`}
        >
          <header className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 flex-1">
              <Primitive.Title className="text-16 font-semibold">{title}</Primitive.Title>
              {about && <p className="mt-0.5 text-13 text-muted">{about}</p>}
            </div>
            <IconButton label="Close" onClick={onClose} className="-mr-2">
              <X size={16} />
            </IconButton>
          </header>
          <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
          {footer && (
            <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
              {footer}
            </footer>
          )}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
