import { describe, expect, it } from 'vitest';
import { EMPTY, check, fieldOf } from './draft';

describe('the deploy draft', () => {
  it('becomes a spec with nothing in it that was not asked for', () => {
    expect(check({ ...EMPTY, goal: ' Write a report ' }).spec).toEqual({
      program: { type: 'goal', goal: 'Write a report' },
    });
    expect(check({ ...EMPTY, door: 'program', command: 'ls -l', tty: false }).spec).toEqual({
      program: { type: 'command', argv: ['ls', '-l'] },
    });
  });

  it('carries every field of the open door and none of the other', () => {
    const { spec } = check({
      ...EMPTY,
      door: 'program',
      goal: 'ignored',
      maxSteps: 'nonsense',
      name: 'web-1',
      command: "echo 'a b'",
      memory: '256M',
      cpus: '0.5',
      pids: '64',
      env: 'A=1\n\nB=x=y',
      workdir: '/tmp',
      profile: 'packages',
      ephemeral: true,
    });
    expect(spec).toEqual({
      name: 'web-1',
      program: { type: 'command', argv: ['echo', 'a b'], tty: true, stdin: true },
      limits: { memoryBytes: 268435456, cpus: 0.5, pids: 64 },
      env: { A: '1', B: 'x=y' },
      workdir: '/tmp',
      profile: 'packages',
      ephemeral: true,
    });
  });

  it('gives a whole line to a shell when asked, and tells when one is needed', () => {
    expect(check({ ...EMPTY, door: 'program', command: 'ls | wc -l' }).shellSigns).toEqual(['|']);
    const asked = check({ ...EMPTY, door: 'program', command: 'ls | wc -l', shell: true });
    expect(asked.shellSigns).toEqual([]);
    expect(asked.spec?.program).toMatchObject({ argv: ['sh', '-c', 'ls | wc -l'] });
  });

  it('says beside each field what is wrong with it', () => {
    const { spec, errors } = check({
      ...EMPTY,
      goal: '',
      name: '-x',
      memory: '1K',
      cpus: '0',
      workdir: '../x',
      env: 'novalue',
    });
    expect(spec).toBeNull();
    expect(Object.keys(errors).toSorted()).toEqual(['cpus', 'env', 'goal', 'memory', 'name', 'workdir']);
  });

  it('puts a refusal of the service beside the field it is about', () => {
    expect(fieldOf('the name "web" is taken')).toBe('name');
    expect(fieldOf('memory below 8 MiB cannot hold a sandbox')).toBe('memory');
    expect(fieldOf('the queue is full')).toBeNull();
  });
});
