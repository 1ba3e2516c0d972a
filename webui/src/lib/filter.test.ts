import { describe, expect, it } from 'vitest';
import { agent } from '@/test-agents';
import { facetCounts, parseFleetQuery, select } from './filter';

const fleet = [
  agent({ number: 1, name: 'build-10', state: 'running', phase: 'executing' }),
  agent({ number: 2, name: 'build-2', state: 'paused', phase: 'executing' }),
  agent({
    number: 3,
    name: 'report',
    state: 'dead',
    phase: 'completed',
    goal: 'Write a report',
    exit: { code: 0 },
  }),
  agent({ number: 4, name: 'broken', state: 'dead', phase: 'failed', exit: { code: 3 } }),
];
const names = (query: Parameters<typeof select>[1]) => select(fleet, query).map((each) => each.name);

describe('the fleet query', () => {
  it('reads the URL and leaves out what it does not know', () => {
    expect(
      parseFleetQuery({ q: 'a', show: 'ended', kind: 'goal', view: 'list', sort: 'cpu', asc: '1' }),
    ).toEqual({
      q: 'a',
      show: 'ended',
      kind: 'goal',
      view: 'list',
      sort: 'cpu',
      asc: true,
    });
    expect(parseFleetQuery({ q: '', show: 'everything', sort: 7, next: 'x' })).toEqual({});
  });

  it('shows the live ones, newest first, unless asked otherwise', () => {
    expect(names({})).toEqual(['build-2', 'build-10']);
    expect(names({ show: 'ended' })).toEqual(['broken', 'report']);
    expect(names({ show: 'failed' })).toEqual(['broken']);
    expect(names({ show: 'ended', kind: 'goal' })).toEqual(['report']);
  });

  it('sorts names as people count', () => {
    expect(names({ sort: 'name', asc: true })).toEqual(['build-2', 'build-10']);
  });

  it('wants every word, in any order and case', () => {
    expect(names({ show: 'ended', q: 'REPORT write' })).toEqual(['report']);
    expect(names({ show: 'ended', q: 'report nowhere' })).toEqual([]);
  });

  it('counts each facet over all agents', () => {
    expect(facetCounts(fleet)).toMatchObject({
      live: 2,
      working: 1,
      paused: 1,
      failed: 1,
      done: 1,
      ended: 2,
      queued: 0,
    });
  });
});
