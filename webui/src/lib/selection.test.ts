import { describe, expect, it } from 'vitest';
import { effective, refusal, toggle } from './selection';

describe('selection', () => {
  it('never acts on rows that the filter hides', () => {
    const selected = new Set(['a', 'b', 'c']);
    expect(effective(selected, ['a', 'c', 'd'])).toEqual(['a', 'c']);
    expect(effective(selected, [])).toEqual([]);
  });

  it('takes the range along the shown rows only', () => {
    const shown = ['a', 'c', 'e', 'g'];
    expect([...toggle(new Set(['a']), shown, 'e', 'a', true)]).toEqual(['a', 'c', 'e']);
    expect([...toggle(new Set(['g']), shown, 'c', 'g', true)].toSorted()).toEqual(['c', 'e', 'g']);
  });

  it('falls back to one row when the anchor is hidden now', () => {
    expect([...toggle(new Set(), ['c', 'e'], 'e', 'a', true)]).toEqual(['e']);
    expect([...toggle(new Set(['e']), ['c', 'e'], 'e', null, false)]).toEqual([]);
  });

  it('says why an action cannot be done', () => {
    expect(refusal('pause', { state: 'running' })).toBeNull();
    expect(refusal('pause', { state: 'paused' })).toContain('paused');
    expect(refusal('resume', { state: 'running' })).toContain('not paused');
    expect(refusal('kill', { state: 'dead' })).toContain('ended');
    expect(refusal('remove', { state: 'running' })).toContain('Stop it first');
    expect(refusal('remove', { state: 'dead' })).toBeNull();
  });
});
