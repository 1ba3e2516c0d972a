import { describe, expect, it } from 'vitest';
import type { AgentEvent, Event } from '@/api/generated';
import { rowOf } from './timeline';

const event = (body: AgentEvent): Event => ({
  seq: 1,
  at: '2026-11-20T12:00:00.000Z',
  agentId: 'a',
  owner: 'o',
  ...body,
});

const result = (text: string) =>
  rowOf(event({ type: 'agent.observation', pid: 1, step: 1, tool: 'run_command', ok: true, result: text }))
    ?.line;

const answer = (decision: 'once' | 'deny', by: string) =>
  rowOf(event({ type: 'approval.decided', pid: 1, id: 1, decision, by, reason: null }))?.line;

describe('timeline rows', () => {
  it('shows a call in one line and folds its arguments', () => {
    const row = rowOf(
      event({
        type: 'agent.action',
        pid: 1,
        step: 1,
        tool: 'write_file',
        args: { path: '/a', content: 'x\ny' },
      }),
    );
    expect(row).toMatchObject({ tone: 'action', line: 'write_file /a', more: 'path: /a\ncontent: x\ny' });
  });

  it('folds only what does not fit on a line', () => {
    const short = rowOf(
      event({ type: 'agent.observation', pid: 1, step: 1, tool: 't', ok: true, result: 'done\n' }),
    );
    expect(short).toMatchObject({ line: 'done', more: null });
    const long = rowOf(
      event({ type: 'agent.observation', pid: 1, step: 1, tool: 't', ok: false, result: 'a\nb' }),
    );
    expect(long).toMatchObject({ tone: 'failed', line: 'a', more: 'a\nb' });
  });

  it('shows the first thing a command printed, and its status only when it failed', () => {
    expect(result('exit status 0\nstdout:\n5341')).toBe('5341');
    expect(result('exit status 2\nstderr:\nno such file\nmore')).toBe('exit 2: no such file');
    expect(result('exit status 0')).toBe('exit status 0');
  });

  it('tells how a program ended, and leaves the machine’s events out', () => {
    const exit = rowOf(
      event({
        type: 'process.exit',
        pid: 1,
        exit: { code: 137, signal: 'SIGKILL', reason: 'killed by operator' },
      }),
    );
    expect(exit?.line).toBe('by SIGKILL: killed by operator');
    expect(rowOf(event({ type: 'tty.closed', pid: 1, ttyId: 'a.1' }))).toBeNull();
  });

  it('says what the network did, and what somebody said to it', () => {
    const to = { pid: 1, host: '2001:db8::1', port: 443 };
    const row = (verdict: 'allowed' | 'denied' | 'held', count = 1) =>
      rowOf(event({ type: 'network.verdict', ...to, verdict, reason: 'no rule allows it', count }));
    expect(row('denied', 3)).toMatchObject({
      tone: 'failed',
      line: '[2001:db8::1]:443, 3 times: no rule allows it',
    });
    expect(row('allowed')).toMatchObject({ tone: 'service' });
    expect(row('held')).toBeNull();
    expect(answer('once', 'root')).toBe('allowed once by root');
    expect(answer('deny', 'root')).toBe('denied by root');
    expect(answer('deny', 'nobody')).toBe('denied: nobody answered in time');
  });
});
