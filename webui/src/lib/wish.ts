import type { ApprovalWish } from '@/api/generated';
import { destinationText } from '@/lib/network';
import { visible } from './visible';

/** What an agent wants, as the end of "it wants to …": the verb and its object. */
export function wishText(wish: ApprovalWish): { verb: string; what: string } {
  switch (wish.type) {
    case 'connect':
      return { verb: 'connect to', what: destinationText(wish) };
    case 'call':
      return { verb: 'make the call', what: wish.summary };
    case 'continue':
      return { verb: 'go on', what: `although ${wish.why}` };
  }
}

/** What exactly a call would do, in lines that hide nothing: invisible characters are written out. */
export function effectText(wish: ApprovalWish): string | null {
  if (wish.type !== 'call') return null;
  const text = wish.command ?? wish.diff ?? JSON.stringify(wish.args, null, 2);
  return visible(text);
}
