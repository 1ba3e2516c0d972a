import { describe, expect, it } from 'vitest';
import { EMPTY_GRANT } from '@/lib/secrets';
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

  it('gives no network unless somebody says so, and no list that allows nothing', () => {
    const draft = { ...EMPTY, goal: 'g' };
    expect(check(draft).spec).not.toHaveProperty('network');
    expect(check({ ...draft, net: 'open' }).spec?.network).toBe('open');
    expect(check({ ...draft, net: 'allow' }).errors.allow).toContain('denies everything');
    expect(check({ ...draft, net: 'ask' }).spec?.network).toEqual({ otherwise: 'ask' });
    expect(check({ ...draft, net: 'allow', allow: 'a.test:1', presets: ['npm'] }).spec?.network).toEqual({
      allow: [{ host: 'a.test', ports: [1] }],
      presets: ['npm'],
    });
    expect(check({ ...draft, net: 'none', allow: 'nonsense//' }).errors.allow).toBeUndefined();
  });

  it('lends secrets only to what has a way out', () => {
    const grants = [{ ...EMPTY_GRANT, secret: 'TOKEN', host: 'a.test' }];
    const draft = { ...EMPTY, goal: 'g', grants };
    expect(check(draft).errors.grants).toContain('network');
    expect(check({ ...draft, net: 'ask' }).grants[0]).toMatchObject({
      secret: 'TOKEN',
      spec: { host: 'a.test' },
    });
    expect(check({ ...draft, net: 'ask', grants: [{ ...grants[0]!, host: '' }] }).spec).toBeNull();
  });
});
