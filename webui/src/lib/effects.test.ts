import { expect, test } from 'vitest';
import { effectOf } from './effects';

const nothing = () => undefined;

test('a write is shown as what it changes of what was written before', () => {
  const first = effectOf('write_file', { path: '/a', content: 'one\ntwo\n' }, nothing);
  expect(first).toMatchObject({ kind: 'write', path: '/a', change: '+2' });
  const second = effectOf('write_file', { path: '/a', content: 'one\n2\n' }, () => ({
    content: 'one\ntwo\n',
    step: 3,
  }));
  expect(second).toMatchObject({ change: '+1 −1' });
  expect(second?.kind === 'write' && second.about).toContain('step 3');
});

test('what was cut is never compared', () => {
  const cut = 'start\n[... 900 characters left out ...]\nend';
  const effect = effectOf('write_file', { path: '/a', content: cut }, () => ({
    content: 'start\nend',
    step: 1,
  }));
  expect(effect).toMatchObject({ kind: 'write', change: '' });
  expect(effect?.kind === 'write' && effect.about).toContain('without its middle');
});

test('other calls say what they touch; unknown ones say nothing', () => {
  expect(effectOf('run_command', { command: 'make test' }, nothing)).toEqual({
    kind: 'command',
    command: 'make test',
  });
  expect(effectOf('mv', { source: '/a', destination: '/b' }, nothing)).toMatchObject({ target: '/a → /b' });
  expect(effectOf('browse_web', { url: 'http://a.test/' }, nothing)).toMatchObject({ verb: 'Fetches' });
  expect(effectOf('remember', { content: 'x' }, nothing)).toBeNull();
  expect(effectOf('rm', null, nothing)).toBeNull();
  expect(effectOf('run_command', { command: 7 }, nothing)).toBeNull();
});
