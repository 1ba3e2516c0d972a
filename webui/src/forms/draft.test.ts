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

  it('denies hosts and opens TLS only where there is a network', () => {
    const draft = { ...EMPTY, goal: 'g', deny: 'b.test', openTls: 'a.test' };
    expect(check(draft).spec).not.toHaveProperty('network');
    expect(check({ ...draft, net: 'open' }).spec?.network).toEqual({
      deny: ['b.test'],
      open: ['a.test'],
      otherwise: 'allow',
    });
    expect(check({ ...draft, net: 'ask', deny: 'https://b.test' }).errors.deny).toContain('without scheme');
    expect(
      check({ ...draft, net: 'allow', deny: '', openTls: '', allow: 'a.test=/bin/git' }).spec,
    ).toMatchObject({
      network: { allow: [{ host: 'a.test', program: '/bin/git' }] },
    });
    expect(check({ ...draft, net: 'allow', allow: 'a.test=git' }).errors.allow).toContain('whole path');
  });

  it('lends secrets in the step that makes the agent, under a variable of one’s choice', () => {
    const one = { ...EMPTY_GRANT, secret: 'TOKEN', env: '', host: 'a.test' };
    const draft = { ...EMPTY, goal: 'g', grants: [one] };
    expect(check(draft).spec?.secrets).toEqual([
      { name: 'TOKEN', host: 'a.test', place: { type: 'bearer' } },
    ]);
    expect(check({ ...draft, grants: [{ ...one, env: 'API_KEY' }] }).spec?.secrets?.[0]).toMatchObject({
      env: 'API_KEY',
    });
    expect(check({ ...draft, grants: [{ ...one, host: '' }] }).spec).toBeNull();
    expect(check({ ...draft, grants: [{ ...one, env: '1 A' }] }).errors.grants).toContain('variable');
  });

  it('gives a goal its template, memory, tools, rules and budget, and a program none of these', () => {
    const draft = {
      ...EMPTY,
      goal: 'g',
      template: 'code-reviewer',
      mind: 'parser',
      tools: 'read_file, list_files',
      rules: [{ then: 'ask' as const, about: 'command' as const, pattern: 'git push*' }],
      budget: { ...EMPTY.budget, tokens: '1000', wall: '2h' },
    };
    expect(check(draft).spec).toEqual({
      program: {
        type: 'goal',
        goal: 'g',
        template: 'code-reviewer',
        memory: 'parser',
        tools: ['read_file', 'list_files'],
      },
      rules: [{ then: 'ask', command: 'git push*' }],
      budget: { tokens: 1000, wallSecs: 7200 },
    });
    const program = check({ ...draft, door: 'program', command: 'true', tty: false }).spec;
    expect(program).toEqual({
      program: { type: 'command', argv: ['true'] },
      budget: { tokens: 1000, wallSecs: 7200 },
    });
    const wrong = check({ ...draft, mind: 'My Mind', budget: { ...draft.budget, cost: 'much' } });
    expect(Object.keys(wrong.errors).toSorted()).toEqual(['budget', 'mind']);
    expect(wrong.budgetErrors.cost).toBeDefined();
    expect(check({ ...draft, rules: [{ ...draft.rules[0]!, pattern: '' }] }).errors.rules).toContain(
      'Rule 1',
    );
  });
});
