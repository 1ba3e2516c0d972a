import { describe, expect, it } from 'vitest';
import { childOf, crumbs, decodeText, ownPath, parentOf } from './paths';

describe('paths inside', () => {
  it('goes down and up without doubling slashes', () => {
    expect(childOf('/', 'a')).toBe('/a');
    expect(childOf('/home/agent', 'a')).toBe('/home/agent/a');
    expect(parentOf('/home/agent')).toBe('/home');
    expect(parentOf('/home')).toBe('/');
    expect(parentOf('/')).toBe('/');
  });
  it('names each directory on the way', () => {
    expect(crumbs('/home/agent')).toEqual([
      { name: '/', path: '/' },
      { name: 'home', path: '/home' },
      { name: 'agent', path: '/home/agent' },
    ]);
  });
  it('takes a cut character at the end for text, and bytes of a program not', () => {
    expect(decodeText(new TextEncoder().encode('grüße').subarray(0, 3))).toBe('gr');
    expect(decodeText(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0))).toBeNull();
    expect(decodeText(Uint8Array.of(0xff, 0xfe, 0x41))).toBeNull();
  });
});

describe('where signing in leads', () => {
  it('is a page of this service', () => {
    expect(ownPath('/history?q=a#b')).toBe('/history?q=a#b');
    for (const other of [
      undefined,
      '',
      'https://evil.example/',
      '//evil.example',
      '/\\evil.example',
      '/\t/evil.example',
      '\\\\evil.example',
      'javascript:alert(1)',
      ' /x',
    ])
      expect(ownPath(other)).toBeUndefined();
  });
});
