import { describe, expect, it } from 'vitest';
import type { NetworkDestination } from '@/api/generated';
import {
  entriesOf,
  filterDestinations,
  hasNetwork,
  parseDestination,
  parseDestinations,
  policyLine,
  ruleText,
  rulesOf,
  toCsv,
  without,
} from './network';

const row = (host: string, part: Partial<NetworkDestination> = {}): NetworkDestination => ({
  host,
  port: 443,
  verdict: 'allowed',
  reason: 'a rule allows it',
  program: null,
  allowed: 1,
  denied: 0,
  bytesSent: 10,
  bytesReceived: 20,
  lastAt: '2026-11-20T12:00:00.000Z',
  ...part,
});

describe('policies', () => {
  it('are told in one line', () => {
    expect(policyLine(undefined)).toBe('none: loopback only');
    expect(policyLine('open')).toBe('open to public addresses');
    expect(policyLine({})).toBe('denies every destination');
    expect(
      policyLine({ allow: [{ host: 'a.test', ports: [8080] }], presets: ['pypi'], otherwise: 'ask' }),
    ).toBe('allows a.test:8080, preset pypi; asks about the rest');
    expect(policyLine({ deny: ['b.test'], otherwise: 'allow' })).toBe(
      'denies b.test; open to public addresses',
    );
  });

  it('have the same meaning as rules', () => {
    expect(rulesOf('open').otherwise).toBe('allow');
    expect(rulesOf('none').otherwise).toBe('deny');
    expect(hasNetwork({ network: 'none' })).toBe(false);
    expect(hasNetwork({ models: ['openai'] })).toBe(true);
    expect(hasNetwork({ network: {} })).toBe(true);
  });

  it('lose exactly the entry that was removed', () => {
    const mode = {
      allow: [{ host: 'a.test' }, { host: 'a.test', ports: [22] }],
      deny: ['a.test'],
      presets: ['npm' as const],
    };
    const [denied, first, second, preset] = entriesOf(mode);
    expect(without(mode, denied!).deny).toEqual([]);
    expect(without(mode, first!).allow).toEqual([{ host: 'a.test', ports: [22] }]);
    expect(without(mode, second!).allow).toEqual([{ host: 'a.test' }]);
    expect(without(mode, preset!)).toMatchObject({ presets: [], deny: ['a.test'], otherwise: 'deny' });
  });
});

describe('destinations', () => {
  it('are read as the command line reads them', () => {
    expect(parseDestination(' api.test:8443 ').rule).toEqual({ host: 'api.test', ports: [8443] });
    expect(parseDestination('*.a.test').rule).toEqual({ host: '*.a.test' });
    expect(parseDestination('2001:db8::1').rule).toEqual({ host: '2001:db8::1' });
    expect(parseDestination('[2001:db8::1]:22').rule).toEqual({ host: '2001:db8::1', ports: [22] });
    for (const wrong of ['', 'http://a.test/', 'a b', 'u@a.test', ':80', '[::1', '[::1]80', 'a.test:'])
      expect(parseDestination(wrong).error, wrong).toBeDefined();
    for (const port of ['0', '65536', 'http', '-1'])
      expect(parseDestination(`a.test:${port}`).error).toContain('is not a port');
  });

  it('are read in any number, and the wrong one is named', () => {
    expect(parseDestinations('a.test, b.test:1\nc.test').rules).toHaveLength(3);
    expect(parseDestinations('').rules).toEqual([]);
    expect(parseDestinations('a.test https://b.test').error).toContain('“https://b.test”');
  });

  it('are shown with brackets where a port follows', () => {
    expect(ruleText({ host: '2001:db8::1', ports: [22] })).toBe('[2001:db8::1]:22');
    expect(ruleText({ host: 'a.test', methods: ['GET'], paths: ['/v1/'] })).toBe('a.test GET /v1/');
  });

  it('are found by host, port, reason and verdict', () => {
    const all = [row('a.test'), row('b.test', { verdict: 'denied', reason: 'no rule allows it' })];
    expect(filterDestinations(all, 'NO RULE', '')).toEqual([all[1]]);
    expect(filterDestinations(all, 'test 443', 'allowed')).toEqual([all[0]]);
    expect(filterDestinations(all, '', '')).toEqual(all);
  });

  it('leave as CSV that no spreadsheet runs', () => {
    const text = toCsv([row('=HYPERLINK("x")', { reason: 'one, two\n"three"' })]);
    expect(text).toBe(
      'host,port,verdict,reason,allowed,denied,bytesSent,bytesReceived,program,lastAt\r\n' +
        `"'=HYPERLINK(""x"")",443,allowed,"one, two\n""three""",1,0,10,20,,2026-11-20T12:00:00.000Z\r\n`,
    );
  });
});
