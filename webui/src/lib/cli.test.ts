import type { AgentSpec } from '@/api/generated';
import { describe, expect, it } from 'vitest';
import { join, parseSize, quote, runCommand, size, split } from './cli';

const run = (spec: Omit<AgentSpec, 'program'>) =>
  runCommand({ program: { type: 'command', argv: ['true'] }, ...spec });

describe('command lines', () => {
  it('quotes only what a shell would change', () => {
    expect(quote('ls')).toBe('ls');
    expect(quote('')).toBe("''");
    expect(quote('a b')).toBe("'a b'");
    expect(quote("it's")).toBe(`'it'\\''s'`);
    expect(quote('$(id)')).toBe("'$(id)'");
  });

  it('splits what it joined into the same words', () => {
    const words = ['sh', '-c', `echo "it's" | wc -c; exit 3`, '', 'x\\y'];
    expect(split(join(words))).toEqual({ words, shell: [] });
  });

  it('keeps quoted shell signs as text and reports the bare ones', () => {
    expect(split(`echo 'a|b' "c;d"`)).toEqual({ words: ['echo', 'a|b', 'c;d'], shell: [] });
    expect(split('ls | wc -l').shell).toEqual(['|']);
    expect(split('cat ~/x').shell).toEqual(['~']);
    expect(split('echo "open').error).toContain('not closed');
  });

  it('reads and writes sizes', () => {
    expect(parseSize('512M')).toBe(512 * 1024 * 1024);
    expect(parseSize(' 1.5 GiB ')).toBe(1.5 * 1024 ** 3);
    expect(parseSize('4096')).toBe(4096);
    expect(parseSize('lots')).toBeNull();
    expect(size(512 * 1024 * 1024)).toBe('512M');
    expect(size(1000)).toBe('1000');
  });

  it('builds the command that asks for the same program', () => {
    expect(
      runCommand({
        name: 'web',
        program: { type: 'command', argv: ['sh', '-c', 'sleep 1; date'], tty: true, stdin: true },
        env: { A: 'b c' },
        limits: { memoryBytes: 256 * 1024 * 1024, cpus: 0.5, pids: 64 },
        mounts: [{ source: { type: 'root', path: '/srv/data' }, target: '/data', readOnly: true }],
      }),
    ).toBe(
      "aether run -d -i -t --name web --env 'A=b c' --memory 256M --cpus 0.5 --pids 64 --mount /srv/data:/data:ro -- sh -c 'sleep 1; date'",
    );
  });

  it('builds the command that gives the same goal', () => {
    expect(
      runCommand({
        program: { type: 'goal', goal: 'Write a report', role: 'Writer', maxSteps: 20 },
        ephemeral: true,
      }),
    ).toBe("aether run -d --rm --goal 'Write a report' --role Writer --max-steps 20");
  });

  it('names template, memory, tools, rules, budget and secrets as the command line has them', () => {
    expect(
      runCommand({
        program: { type: 'goal', goal: 'g', template: 'coder', memory: 'parser', tools: ['read_file'] },
        rules: [{ then: 'ask', command: 'git push*' }],
        budget: { tokens: 1000, wallSecs: 7200 },
        secrets: [
          {
            name: 'TOKEN',
            env: 'KEY',
            host: 'a.test',
            path: '/v1',
            place: { type: 'header', name: 'X-Key' },
          },
        ],
        network: { allow: [{ host: 'a.test', program: '/usr/bin/git' }], open: ['a.test'] },
      }),
    ).toBe(
      "aether run -d --allow a.test=/usr/bin/git --open-tls a.test --secret TOKEN:KEY=a.test/v1,header=X-Key --budget tokens=1000,wall=2h --rule 'ask command=git push*' --goal g --template coder --use-memory parser --tools read_file",
    );
  });

  it('says what the network may reach, and never more than the spec', () => {
    expect(run({ network: 'open' })).toBe('aether run -d --net open -- true');
    expect(run({ network: {} })).toBe('aether run -d --net allow -- true');
    expect(run({ network: 'none', models: ['openai', 'ollama'], limits: { modelTokens: 9 } })).toBe(
      'aether run -d --models openai,ollama --model-tokens 9 -- true',
    );
    const allow = [{ host: '2001:db8::1', ports: [22, 80] }, { host: '*.a.test' }];
    expect(run({ network: { allow, deny: ['b.test'], presets: ['npm'], otherwise: 'ask' } })).toBe(
      "aether run -d --net ask --allow '[2001:db8::1]:22' --allow '[2001:db8::1]:80' --allow '*.a.test' --deny b.test --preset npm -- true",
    );
    expect(run({ network: { allow: [{ host: 'a.test', methods: ['GET'] }] } })).toBe(
      'aether run -d --net allow -- true',
    );
  });
});
