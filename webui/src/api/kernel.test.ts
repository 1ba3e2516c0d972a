import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { agent } from '@/test-agents';
import { Fleet } from './fleet';
import { onSignedOut } from './http';
import { Kernel } from './kernel';

class FakeSocket {
  readyState = 1;
  sent: { id: string; type: string; seq?: number }[] = [];
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  answer(type: string, data: unknown) {
    const command = this.sent.findLast((each) => each.type === type)!;
    this.say({ type: 'response.ok', id: command.id, data });
  }
}

const known = agent({ number: 1 });
const paused = (seq: number) => ({
  seq,
  at: '2026-11-20T12:00:00.000Z',
  agentId: known.id,
  owner: 'operator',
  type: 'agent.paused',
  pid: 1,
});

let sockets: FakeSocket[];
let fleet: Fleet;
let kernel: Kernel;
let session: () => Promise<unknown>;

async function open(seq: number) {
  const socket = sockets.at(-1)!;
  socket.say({ type: 'kernel.ready', version: '0.1.0', uptime: 1, seq });
  socket.answer('events.resume', null);
  socket.answer('process.list', [known]);
  await vi.advanceTimersByTimeAsync(0);
  return socket;
}

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  fleet = new Fleet();
  session = () => Promise.resolve({});
  kernel = new Kernel(fleet, {
    socket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    now: () => Date.now(),
    random: () => 0,
    session: () => session(),
  });
});
afterEach(() => {
  kernel.stop();
  vi.useRealTimers();
});

describe('the connection', () => {
  it('starts from the newest event and asks for the list', async () => {
    kernel.start();
    const socket = await open(40);
    expect(socket.sent.map((each) => [each.type, each.seq])).toEqual([
      ['events.resume', 40],
      ['process.list', undefined],
    ]);
    expect(kernel.link.phase).toBe('open');
    expect(fleet.all()).toHaveLength(1);
  });

  it('resumes after the last event it has seen, with growing waits', async () => {
    kernel.start();
    const socket = await open(40);
    socket.say([paused(41), paused(42)]);
    socket.close();
    expect(kernel.link).toMatchObject({ phase: 'waiting', retryAt: Date.now() + 250 });
    await vi.advanceTimersByTimeAsync(250);
    expect(sockets).toHaveLength(2);
    sockets[1]!.close();
    expect(kernel.link).toMatchObject({ phase: 'waiting', retryAt: Date.now() + 500 });
    await vi.advanceTimersByTimeAsync(500);
    const third = await open(44);
    expect(third.sent[0]).toMatchObject({ type: 'events.resume', seq: 42 });
    expect(kernel.link.phase).toBe('open');
  });

  it('counts how long it is stale from the first loss, not from the last try', async () => {
    kernel.start();
    await open(1);
    const lost = Date.now();
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(250);
    sockets[1]!.close();
    expect(kernel.link).toMatchObject({ phase: 'waiting', since: lost });
  });

  it('forgets what it knows when the service counts from anew', async () => {
    kernel.start();
    await open(40);
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(250);
    sockets[1]!.say({ type: 'kernel.ready', version: '0.1.0', uptime: 1, seq: 3 });
    expect(fleet.all()).toHaveLength(0);
    expect(sockets[1]!.sent[0]).toMatchObject({ type: 'events.resume', seq: 3 });
  });

  it('catches up after the service skipped events for it', async () => {
    kernel.start();
    const socket = await open(40);
    socket.say(paused(41));
    socket.say({ type: 'lagged', missed: 7, resume: 41, code: 'BUSY' });
    expect(socket.sent.at(-1)).toMatchObject({ type: 'events.resume', seq: 41 });
  });

  it('fails what was asked when the connection breaks', async () => {
    kernel.start();
    const socket = await open(40);
    const asked = kernel.request({ type: 'process.info', pid: 1 });
    socket.close();
    await expect(asked).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(kernel.request({ type: 'process.info', pid: 1 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
  });

  it('says when nobody is signed in any more', async () => {
    const out = vi.fn();
    const off = onSignedOut(out);
    session = () => Promise.resolve(null);
    kernel.start();
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(out).toHaveBeenCalledOnce();
    off();
  });

  it('asks for the details that a state change does not carry', async () => {
    kernel.start();
    const socket = await open(40);
    socket.say({ ...paused(41), type: 'process.stateChange', state: 'running', agentPhase: 'thinking' });
    await vi.advanceTimersByTimeAsync(200);
    socket.answer('process.info', { ...known, cgroup: '/aether/x' });
    await vi.advanceTimersByTimeAsync(0);
    expect(fleet.get(known.id)?.cgroup).toBe('/aether/x');
  });
});
