import { render } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';
import { handleKey, useShortcut, useShortcuts } from './shortcuts';

function Bound({ keys, run }: { keys: string; run: () => void }) {
  useShortcut(keys, 'Label', 'Group', run);
  return (
    <p>
      {useShortcuts()
        .map((each) => each.keys)
        .join(',')}
    </p>
  );
}
const press = (key: string, init: KeyboardEventInit = {}, target: Element = document.body, now = 0) => {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init });
  Object.defineProperty(event, 'target', { value: target });
  return handleKey(event, now);
};

describe('shortcuts', () => {
  it('takes a sequence in time, and not after it', () => {
    const run = vi.fn();
    render(<Bound keys="g f" run={run} />);
    press('g', {}, document.body, 0);
    press('f', {}, document.body, 900);
    expect(run).toHaveBeenCalledTimes(1);
    press('g', {}, document.body, 1000);
    press('f', {}, document.body, 9000);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('leaves keys to those who type, but not Ctrl+K', () => {
    const slash = vi.fn();
    const palette = vi.fn();
    render(
      <>
        <Bound keys="/" run={slash} />
        <Bound keys="mod+k" run={palette} />
        <input aria-label="text" />
        <div data-owns-keys="">
          <textarea aria-label="terminal" />
        </div>
      </>,
    );
    press('/', {}, document.querySelector('input')!);
    press('k', { ctrlKey: true }, document.querySelector('input')!);
    press('k', { ctrlKey: true }, document.querySelector('textarea')!);
    expect(slash).not.toHaveBeenCalled();
    expect(palette).toHaveBeenCalledTimes(1);
  });

  it('lists only what is bound now', () => {
    const view = render(<Bound keys="x" run={() => undefined} />);
    expect(view.container.textContent).toBe('x');
    view.unmount();
    const other = render(<Bound keys="y" run={() => undefined} />);
    expect(other.container.textContent).toBe('y');
  });
});
