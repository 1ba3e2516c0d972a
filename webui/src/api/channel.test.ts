import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Channel, type ChannelEvents } from './channel';

class FakeSocket {
  readyState = 1;
  binaryType = '';
  sent: Uint8Array[] = [];
  onmessage: ((message: { data: ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  constructor(readonly url: string) {}
  send(frame: Uint8Array) {
    this.sent.push(frame);
  }
  close() {
    this.readyState = 3;
    this.onclose?.();
  }
  frame(channel: number, ...parts: (Uint8Array | string)[]) {
    const bytes = parts.map((part) => (typeof part === 'string' ? new TextEncoder().encode(part) : part));
    const all = Uint8Array.from([channel, ...bytes.flatMap((part) => [...part])]);
    this.onmessage?.({ data: all.buffer });
  }
  output(offset: number, text: string, channel = 0) {
    const at = new Uint8Array(8);
    new DataView(at.buffer).setBigUint64(0, BigInt(offset), true);
    this.frame(channel, at, text);
  }
  hello(tty = true) {
    this.frame(4, JSON.stringify({ tty, offset: 0, oldest: 0 }));
  }
}

let sockets: FakeSocket[];
let seen: string[];
let shown: (() => void)[];
let channel: Channel;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  seen = [];
  shown = [];
  const on: ChannelEvents = {
    output: (bytes, stream, done) => {
      seen.push(`${stream}:${new TextDecoder().decode(bytes)}`);
      shown.push(done);
    },
    gap: (bytes) => seen.push(`gap:${bytes}`),
    hello: () => undefined,
    ended: (end) => seen.push(`end:${end.code}:${end.signal}`),
    refused: (error) => seen.push(`refused:${error.code}`),
    connected: (connected) => seen.push(connected ? 'connected' : 'lost'),
  };
  channel = new Channel('abc.1', true, on, (url) => {
    const socket = new FakeSocket(url);
    sockets.push(socket);
    return socket as unknown as WebSocket;
  });
});
afterEach(() => {
  channel.close();
  vi.useRealTimers();
});

describe('a byte channel', () => {
  it('continues after a loss where it stopped, cutting what overlaps', async () => {
    sockets[0]!.hello();
    sockets[0]!.output(100, 'hello');
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(600);
    expect(sockets[1]!.url).toContain('from=105');
    expect(sockets[1]!.url).toContain('stdin=true');
    sockets[1]!.hello();
    sockets[1]!.output(102, 'llo world');
    expect(seen).toEqual(['connected', 'stdout:hello', 'lost', 'connected', 'stdout: world']);
  });

  it('marks a gap with the number of bytes that are gone', async () => {
    sockets[0]!.hello();
    sockets[0]!.output(0, 'a');
    sockets[0]!.output(5000, 'b');
    expect(seen).toEqual(['connected', 'stdout:a', 'gap:4999', 'stdout:b']);
  });

  it('marks no gap before the first byte, whatever its offset', () => {
    sockets[0]!.hello();
    sockets[0]!.output(9_000_000, 'late');
    expect(seen).not.toContain('gap:9000000');
  });

  it('counts the offsets of the two streams apart', () => {
    sockets[0]!.hello(false);
    sockets[0]!.output(0, 'out');
    sockets[0]!.output(0, 'err', 1);
    sockets[0]!.output(3, 'more');
    expect(seen.slice(1)).toEqual(['stdout:out', 'stderr:err', 'stdout:more']);
  });

  it('acknowledges only what was shown', () => {
    sockets[0]!.hello();
    sockets[0]!.output(0, 'abc');
    sockets[0]!.output(3, 'defg');
    expect(sockets[0]!.sent).toHaveLength(0);
    shown[0]!();
    expect(sockets[0]!.sent).toHaveLength(0);
    shown[1]!();
    expect([...sockets[0]!.sent[0]!]).toEqual([3, 7, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('drops what is typed while it is broken instead of sending it late', async () => {
    sockets[0]!.hello();
    expect(channel.input(Uint8Array.of(0x61))).toBe(true);
    sockets[0]!.close();
    expect(channel.input(Uint8Array.of(0x62))).toBe(false);
    await vi.advanceTimersByTimeAsync(600);
    sockets[1]!.hello();
    expect(sockets[1]!.sent).toHaveLength(0);
  });

  it('tells the size again after a reconnect', async () => {
    channel.resize(120, 36);
    sockets[0]!.hello();
    expect([...sockets[0]!.sent[0]!]).toEqual([2, 120, 0, 36, 0]);
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(600);
    sockets[1]!.hello();
    expect([...sockets[1]!.sent[0]!]).toEqual([2, 120, 0, 36, 0]);
  });

  it('does not come back after the end', async () => {
    sockets[0]!.hello();
    sockets[0]!.frame(2, Uint8Array.of(137), 'SIGKILL');
    sockets[0]!.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(seen.at(-1)).toBe('end:137:SIGKILL');
  });
});
