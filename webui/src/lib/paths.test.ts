import { describe, expect, it } from 'vitest';
import { childOf, crumbs, decodeText, parentOf } from './paths';

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
