import { describe, expect, it } from 'vitest';
import type { AgentEvent, Event } from '@/api/generated';
import { rowOf, rowsOf } from './timeline';

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

const write = (step: number, content: string) =>
  event({ type: 'agent.action', pid: 1, step, tool: 'write_file', args: { path: '/a', content } });

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

  it('begins each step with who answered and what it cost, before the thought', () => {
    const step = { type: 'agent.progress', pid: 1, step: 2, maxSteps: 9, summary: 's' } as const;
    const rows = rowsOf([
      event({ type: 'agent.thought', pid: 1, step: 2, thought: 'hm' }),
      event({ ...step, model: 'openai/m-1', tokens: 1300, costMicrousd: 2600 }),
    ]);
    expect(rows.map((row) => row.label)).toEqual(['Step 2', 'Thought']);
    expect(rows[0]?.line).toBe(`openai/m-1 · ${(1300).toLocaleString()} tokens · $0.0026`);
    expect(rowOf(event({ ...step, model: null }))?.line).toBe('');
  });

  it('shows a second write as what it changes of the first', () => {
    const [first, second] = rowsOf([write(1, 'x\ny\n'), write(2, 'x\nz\n')]);
    expect(first?.line).toBe('write_file /a +2');
    expect(second?.line).toBe('write_file /a +1 −1');
    expect(second?.effect).toMatchObject({ kind: 'write', path: '/a' });
  });

  it('tells of budgets, freezing, plans and letters', () => {
    const line = { scope: 'agent', kind: 'tokens', used: 80, limit: 100 } as const;
    expect(rowOf(event({ type: 'budget.warning', pid: 1, line }))?.line).toBe(
      'four fifths are used: tokens 80 of 100',
    );
    expect(rowOf(event({ type: 'agent.runaway', pid: 1, why: 'the same again' }))).toMatchObject({
      label: 'Frozen',
      tone: 'failed',
    });
    const nodes = [
      { id: '1', title: 'read', status: 'completed' as const, children: [] },
      { id: '2', title: 'write', status: 'pending' as const, children: [] },
    ];
    const plan = { id: 1, goal: 'g', status: 'active' as const, nodes, createdAt: '', updatedAt: '' };
    expect(rowOf(event({ type: 'plan.created', pid: 1, plan }))?.line).toBe('made: 1 of 2 done');
    const compacted = { pid: 1, step: 9, summedUp: 4, tokensBefore: 40_000, tokensAfter: 9000 };
    expect(rowOf(event({ type: 'agent.compacted', ...compacted }))?.line).toContain('4 old steps summed up');
    expect(
      rowOf(event({ type: 'agent.log', pid: 1, level: 'info', message: 'a/m answers: b is resting' }))?.label,
    ).toBe('Model');
  });
});
