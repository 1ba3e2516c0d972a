import { describe, expect, it } from 'vitest';
import { EMPTY_GRANT, grantOf, nameError, placeText, targetText, valueError } from './secrets';

describe('secrets', () => {
  it('have names that programs can read them by', () => {
    expect(nameError('GITHUB_TOKEN')).toBeNull();
    for (const wrong of ['', '1A', '-A', 'A B', 'A'.repeat(65)])
      expect(nameError(wrong), wrong).not.toBeNull();
  });

  it('are refused without a word of their value', () => {
    expect(valueError('12345678')).toBeNull();
    expect(valueError('ä'.repeat(4))).toBeNull();
    for (const wrong of ['canary', 'canary-canary\n', `canary${'x'.repeat(16 * 1024)}`]) {
      const error = valueError(wrong);
      expect(error).not.toBeNull();
      expect(error).not.toContain('canary');
    }
  });

  it('are granted for one host and one place', () => {
    const draft = { ...EMPTY_GRANT, agent: 'a', host: ' api.test ' };
    expect(grantOf(draft).spec).toEqual({ agent: 'a', host: 'api.test', place: { type: 'bearer' } });
    const full = grantOf({ ...draft, method: 'get', path: '/v1', place: 'header', detail: 'X-Key' }).spec!;
    expect(full).toMatchObject({ method: 'GET', path: '/v1', place: { type: 'header', name: 'X-Key' } });
    for (const wrong of [
      { agent: '' },
      { host: 'https://api.test' },
      { host: '*.test' },
      { host: 'api.test:443' },
      { path: 'v1' },
      { place: 'query' as const },
    ])
      expect(grantOf({ ...draft, ...wrong }).error, JSON.stringify(wrong)).not.toBeNull();
  });

  it('say where they go', () => {
    expect(placeText({ type: 'basic', user: 'me' })).toBe('as password of me');
    expect(targetText({ host: 'a.test', method: 'GET', path: '/v1' })).toBe('GET a.test/v1');
    expect(targetText({ host: 'a.test', method: null, path: null })).toBe('a.test');
  });
});
