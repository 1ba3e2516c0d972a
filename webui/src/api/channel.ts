import { backoff } from '@/lib/backoff';
import type { ApiError } from './generated';

/** First frame of a byte channel. */
interface Hello {
  tty: boolean;
  offset: number;
  oldest: number;
}

export interface End {
  code: number;
  signal: string;
}

export interface ChannelEvents {
  /** Call `shown` once the bytes are on the screen; until then they count as unread. */
  output: (bytes: Uint8Array, stream: 'stdout' | 'stderr', shown: () => void) => void;
  /** Output that nobody can get any more: it left the kept history before we read it. */
  gap: (bytes: number) => void;
  hello: (hello: Hello) => void;
  ended: (end: End) => void;
  refused: (error: ApiError) => void;
  /** False while the channel is broken and a retry waits. */
  connected: (connected: boolean) => void;
}

const STDIN = 0;
const RESIZE = 2;
const ACK = 3;
const ACK_EVERY = 64 * 1024;

/**
 * The bytes of one process, exact and in order, over `/api/v1/attach/…`.
 *
 * Each stream has offsets of its own; a reconnect continues where this side stopped, overlaps are cut and losses are told.
 */
export class Channel {
  readonly #path: string;
  readonly #stdin: boolean;
  readonly #on: ChannelEvents;
  readonly #makeSocket: (url: string) => WebSocket;
  #socket: WebSocket | null = null;
  #next: Record<'stdout' | 'stderr', number | null> = { stdout: null, stderr: null };
  #received = 0;
  #acked = 0;
  #attempt = 0;
  #done = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #size: { cols: number; rows: number } | null = null;
  #readyForInput = false;
  #isTty = false;

  constructor(
    id: string,
    stdin: boolean,
    on: ChannelEvents,
    makeSocket = (url: string) => new WebSocket(url),
  ) {
    this.#path = `/api/v1/attach/${encodeURIComponent(id)}`;
    this.#stdin = stdin;
    this.#on = on;
    this.#makeSocket = makeSocket;
    this.#connect();
  }

  /** Types; bytes typed while the channel is broken are not kept, as they might come much later. */
  input(bytes: Uint8Array): boolean {
    return this.#readyForInput && this.#send(STDIN, bytes);
  }

  resize(cols: number, rows: number) {
    this.#size = { cols, rows };
    if (!this.#readyForInput || !this.#isTty) return;
    const body = new Uint8Array(4);
    const view = new DataView(body.buffer);
    view.setUint16(0, cols, true);
    view.setUint16(2, rows, true);
    this.#send(RESIZE, body);
  }

  close() {
    this.#done = true;
    clearTimeout(this.#retry);
    this.#socket?.close(1000);
    this.#socket = null;
  }

  #connect() {
    const query = new URLSearchParams();
    if (this.#next.stdout !== null) query.set('from', String(this.#next.stdout));
    if (this.#stdin) query.set('stdin', 'true');
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = this.#makeSocket(`${scheme}://${location.host}${this.#path}?${query}`);
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => {
      if (socket === this.#socket) this.#receive(new Uint8Array(message.data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
    this.#socket = socket;
    this.#received = 0;
    this.#acked = 0;
  }

  #receive(frame: Uint8Array) {
    const body = frame.subarray(1);
    switch (frame[0]) {
      case 0:
        this.#output(body, 'stdout');
        break;
      case 1:
        this.#output(body, 'stderr');
        break;
      case 2:
        this.#done = true;
        this.#on.ended({ code: body[0] ?? 255, signal: text(body.subarray(1)) });
        break;
      case 3:
        this.#done = true;
        this.#on.refused(JSON.parse(text(body)) as ApiError);
        break;
      case 4:
        this.#welcome(JSON.parse(text(body)) as Hello);
        break;
      default:
        break;
    }
  }

  #welcome(hello: Hello) {
    this.#attempt = 0;
    this.#readyForInput = true;
    this.#isTty = hello.tty;
    this.#on.connected(true);
    this.#on.hello(hello);
    if (this.#size) this.resize(this.#size.cols, this.#size.rows);
  }

  #output(body: Uint8Array, stream: 'stdout' | 'stderr') {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const offset = Number(view.getBigUint64(0, true));
    let bytes = body.subarray(8);
    const end = offset + bytes.length;
    this.#received += bytes.length;
    const next = this.#next[stream];
    if (next !== null && offset > next) this.#on.gap(offset - next);
    if (next !== null && offset < next) bytes = bytes.subarray(Math.min(bytes.length, next - offset));
    this.#next[stream] = Math.max(next ?? 0, end);
    const socket = this.#socket;
    const total = this.#received;
    const shown = () => {
      if (socket === this.#socket) this.#ack(total);
    };
    if (bytes.length > 0) this.#on.output(bytes, stream, shown);
    else shown();
  }

  /** The service stays at most 1 MiB ahead of this; it counts the bytes of one connection. */
  #ack(total: number) {
    if (total - this.#acked < ACK_EVERY && total !== this.#received) return;
    this.#acked = total;
    const body = new Uint8Array(8);
    new DataView(body.buffer).setBigUint64(0, BigInt(total), true);
    this.#send(ACK, body);
  }

  #lost() {
    this.#socket = null;
    this.#readyForInput = false;
    if (this.#done) return;
    this.#on.connected(false);
    this.#retry = setTimeout(() => this.#connect(), backoff(this.#attempt++));
  }

  #send(channel: number, body: Uint8Array): boolean {
    if (this.#socket?.readyState !== 1) return false;
    const frame = new Uint8Array(1 + body.length);
    frame[0] = channel;
    frame.set(body, 1);
    this.#socket.send(frame);
    return true;
  }
}

const decoder = new TextDecoder();
const text = (bytes: Uint8Array) => decoder.decode(bytes);
