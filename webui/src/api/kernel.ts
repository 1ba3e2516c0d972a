import { backoff } from '@/lib/backoff';
import type { Fleet } from './fleet';
import type {
  AgentDelta,
  AgentInfo,
  Command,
  CommandEnvelope,
  Event,
  Response,
  StreamFrame,
} from './generated';
import { Refusal, refusalOf, signedOut } from './http';

export type Link =
  | { phase: 'connecting'; since: number }
  | { phase: 'open'; since: number }
  | { phase: 'waiting'; since: number; retryAt: number }
  | { phase: 'closed'; since: number };

type Frame = Event | StreamFrame | Response;
type Pending = { resolve: (data: unknown) => void; reject: (error: Refusal) => void };

/** What the connection needs of the world; tests bring their own. */
export interface World {
  socket: () => WebSocket;
  now: () => number;
  random: () => number;
  /** Is somebody signed in? Rejects when the service does not answer. */
  session: () => Promise<unknown>;
}

const browser: World = {
  socket: () => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/kernel`),
  now: () => Date.now(),
  random: Math.random,
  session: () => fetch('/api/v1/session').then((answer) => (answer.status === 401 ? null : answer)),
};

/** The page's one connection: commands out, numbered events in, resumed without gaps or doubles. */
export class Kernel {
  link: Link;
  version: string | null = null;

  readonly #fleet: Fleet;
  readonly #world: World;
  readonly #listeners = new Set<() => void>();
  readonly #pending = new Map<string, Pending>();
  #socket: WebSocket | null = null;
  #attempt = 0;
  #nextId = 1;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  readonly #onDelta: (delta: AgentDelta) => void;

  constructor(fleet: Fleet, world: World = browser, onDelta: (delta: AgentDelta) => void = () => undefined) {
    this.#fleet = fleet;
    this.#onDelta = onDelta;
    this.#world = world;
    this.link = { phase: 'closed', since: world.now() };
  }

  subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Connects now, also when a retry waits. */
  start() {
    clearTimeout(this.#retry);
    if (this.#socket) return;
    const keptSince = this.link.phase === 'waiting' ? this.link.since : this.#world.now();
    this.#become({ phase: 'connecting', since: keptSince });
    const socket = this.#world.socket();
    this.#socket = socket;
    socket.onmessage = (message) => this.#receive(socket, String(message.data));
    socket.onclose = () => this.#lost(socket);
  }

  stop() {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#failPending();
    this.#become({ phase: 'closed', since: this.#world.now() });
  }

  /** Sends a command and waits for its answer. */
  request<T>(command: Command): Promise<T> {
    const socket = this.#socket;
    if (!socket || socket.readyState !== 1) {
      return Promise.reject(
        new Refusal(
          'UNREACHABLE',
          'not connected to the service',
          'it is sent once the connection is back; try again',
        ),
      );
    }
    const id = String(this.#nextId++);
    const envelope: CommandEnvelope = { id, ...command };
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (data: unknown) => void, reject });
      socket.send(JSON.stringify(envelope));
    });
  }

  #receive(socket: WebSocket, text: string) {
    if (socket !== this.#socket) return;
    const parsed = JSON.parse(text) as Frame | Frame[];
    for (const frame of Array.isArray(parsed) ? parsed : [parsed]) this.#take(frame);
    this.#fleet.flush();
    if (this.#fleet.outdated.size > 0) this.#refreshSoon();
  }

  #take(frame: Frame) {
    if ('seq' in frame && 'at' in frame) {
      this.#fleet.apply(frame);
      return;
    }
    switch (frame.type) {
      case 'kernel.ready':
        this.version = frame.version;
        void this.#catchUp(frame.seq);
        break;
      case 'kernel.metrics':
        this.#fleet.applyMetrics(frame, this.#world.now());
        break;
      case 'agent.delta':
        this.#onDelta(frame);
        break;
      case 'lagged':
        void this.request({ type: 'events.resume', seq: this.#fleet.lastSeq }).catch(() => undefined);
        break;
      case 'response.ok':
        this.#settle(frame.id)?.resolve(frame.data);
        break;
      case 'response.error':
        this.#settle(frame.id)?.reject(new Refusal(frame.code, frame.error, frame.hint));
        break;
      default:
        break;
    }
  }

  #settle(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  async #catchUp(newest: number) {
    const fleet = this.#fleet;
    // A service that counts from anew has another history: what we know is of the old one.
    if (newest < fleet.lastSeq) fleet.reset();
    if (!fleet.loaded) fleet.lastSeq = newest;
    try {
      const resumed = this.request({ type: 'events.resume', seq: fleet.lastSeq });
      const listed = this.request<AgentInfo[]>({ type: 'process.list', all: true });
      const [, agents] = await Promise.all([resumed, listed]);
      fleet.replaceAll(agents);
      this.#attempt = 0;
      this.#become({ phase: 'open', since: this.#world.now() });
    } catch (cause) {
      if (refusalOf(cause).code === 'UNAUTHENTICATED') signedOut();
      this.#socket?.close();
    }
  }

  #refreshSoon() {
    if (this.#refresh !== undefined) return;
    this.#refresh = setTimeout(() => {
      this.#refresh = undefined;
      void this.#askAgain();
    }, 120);
  }

  async #askAgain() {
    const ids = [...this.#fleet.outdated];
    this.#fleet.outdated.clear();
    try {
      if (ids.length > 20) {
        this.#fleet.replaceAll(await this.request<AgentInfo[]>({ type: 'process.list', all: true }));
        return;
      }
      await Promise.all(ids.map((id) => this.#askFor(id)));
    } catch {
      // The connection broke: the whole list comes again with the next one.
    }
  }

  async #askFor(id: string) {
    try {
      this.#fleet.put(await this.request<AgentInfo>({ type: 'process.info', pid: id }));
    } catch (cause) {
      if (refusalOf(cause).code === 'NOT_FOUND') this.#fleet.forget(id);
      else throw cause;
    }
  }

  #lost(socket: WebSocket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#failPending();
    const now = this.#world.now();
    const since = this.link.phase === 'open' ? now : this.link.since;
    const retryAt = now + backoff(this.#attempt++, this.#world.random);
    this.#become({ phase: 'waiting', since, retryAt });
    this.#retry = setTimeout(() => this.start(), retryAt - now);
    // A refused handshake looks like any other loss to a browser: ask whether we are still signed in.
    this.#world.session().then(
      (answer) => {
        if (answer === null) signedOut();
      },
      () => undefined,
    );
  }

  #failPending() {
    const lost = new Refusal(
      'UNREACHABLE',
      'the connection broke before the answer came',
      'look whether it was done, then try again',
    );
    for (const pending of this.#pending.values()) pending.reject(lost);
    this.#pending.clear();
  }

  #become(link: Link) {
    this.link = link;
    for (const listener of this.#listeners) listener();
  }
}
