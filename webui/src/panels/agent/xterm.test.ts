import { describe, expect, it } from 'vitest';
import { gapMarker, note } from './xterm';

describe('the terminal’s own lines', () => {
  it('names how much is gone on a line of its own', () => {
    expect(gapMarker(1048576)).toContain('1,048,576 bytes are gone');
    expect(gapMarker(1).startsWith('\r\n')).toBe(true);
    expect(gapMarker(1).endsWith('\r\n')).toBe(true);
  });
  it('resets the program’s colours before and after', () => {
    expect(note('x')).toBe('\r\n\x1b[0m\x1b[2m── x ──\x1b[0m\r\n');
  });
});
