import { describe, expect, it } from 'vitest';
import { gapMarker, note, webAddress } from './xterm';

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

describe('links that agents print', () => {
  it('leads to the web only', () => {
    expect(webAddress('https://example.org/a?b')).toBe('https://example.org/a?b');
    expect(webAddress('HTTP://example.org')).toBe('http://example.org/');
    for (const other of [
      'javascript:alert(1)',
      ' java\nscript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'vscode://x',
      '//example.org',
      'x',
      '',
    ])
      expect(webAddress(other)).toBeNull();
  });
});
