import type { AgentInfo, Event, KernelMetrics } from './generated';

export interface Sample {
  at: number;
  cpus: number;
  memoryBytes: number;
}

type Listener = () => void;
/** What a component may listen to; a change of one agent wakes only those who show that agent. */
export type Topic =
  | 'list'
  | 'figures'
  | `agent:${string}`
  | `samples:${string}`
  | `timeline:${string}`
  | `ttys:${string}`
  | `files:${string}`
  | `network:${string}`
  | `budget:${string}`
  | `plan:${string}`
  | `memory:${string}`
  | `letters:${string}`
  | `tree:${string}`;

/** Ten minutes at one sample every two seconds. */
const SAMPLES_KEPT = 300;

/** An agent, and whether it waits for a person's word about a call or a connection. */
export type Shown = AgentInfo & { asks?: boolean };

/** The one normalised picture of all agents, fed by numbered events. */
export class Fleet {
  /** Number of the newest event seen; 0 before the first. */
  lastSeq = 0;
  loaded = false;
  metrics: KernelMetrics | null = null;
  /** Hears every new event once, in order: for what is not about how agents are. */
  onEvent: ((event: Event) => void) | null = null;
  /** Agents whose details events do not carry and should be asked for again. */
  readonly outdated = new Set<string>();

  readonly #agents = new Map<string, Shown>();
  #asking: ReadonlySet<string> = new Set();
  readonly #ids = new Map<number, string>();
  readonly #samples = new Map<string, readonly Sample[]>();
  readonly #timelines = new Map<string, readonly Event[]>();
  readonly #listeners = new Map<Topic, Set<Listener>>();
  readonly #dirty = new Set<Topic>();
  #all: readonly AgentInfo[] | null = null;

  subscribe(topic: Topic, listener: Listener): () => void {
    const set = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.#listeners.get(topic) === set) this.#listeners.delete(topic);
    };
  }

  /** All agents; the same array until one of them changes. */
  all(): readonly AgentInfo[] {
    this.#all ??= [...this.#agents.values()];
    return this.#all;
  }

  get(id: string): AgentInfo | undefined {
    return this.#agents.get(id);
  }

  /** By id, name, number or a unique prefix, as everywhere else. */
  find(ref: string): AgentInfo | undefined {
    const exact = this.#agents.get(ref) ?? this.#agents.get(this.#ids.get(Number(ref)) ?? '');
    if (exact) return exact;
    const all = this.all();
    const named = all.find((agent) => agent.name === ref);
    if (named) return named;
    const prefixed = all.filter((agent) => agent.id.startsWith(ref) || agent.name.startsWith(ref));
    return prefixed.length === 1 ? prefixed[0] : undefined;
  }

  samples(id: string): readonly Sample[] {
    return this.#samples.get(id) ?? NO_SAMPLES;
  }

  /** Events of an agent that somebody watches, in order of their numbers. */
  timeline(id: string): readonly Event[] {
    return this.#timelines.get(id) ?? NO_EVENTS;
  }

  /** Takes the service's whole list: agents it does not name are gone. */
  replaceAll(agents: readonly AgentInfo[]) {
    const named = new Set(agents.map((agent) => agent.id));
    for (const id of this.#agents.keys()) if (!named.has(id)) this.#drop(id);
    for (const agent of agents) this.#put(agent);
    this.loaded = true;
    this.#touch('list', 'figures');
    this.flush();
  }

  /** Takes one agent as the service describes it now. */
  put(agent: AgentInfo) {
    this.#put(agent);
    this.flush();
  }

  /** These agents, and no others, wait for a person's word. */
  ask(ids: ReadonlySet<string>) {
    const before = this.#asking;
    this.#asking = ids;
    const changed = [...before, ...ids].filter((id) => before.has(id) !== ids.has(id));
    for (const id of changed) {
      const agent = this.#agents.get(id);
      if (agent) this.#put(agent);
    }
    // Most news of approvals is of the same agents, and comes in the midst of a batch.
    if (changed.length > 0) this.flush();
  }

  /** Forgets an agent at once, when this page removed it and need not wait for the event. */
  forget(id: string) {
    this.#drop(id);
    this.flush();
  }

  /** Forgets everything: the service has another history than the one we know. */
  reset() {
    for (const id of this.#agents.keys()) this.#drop(id);
    this.#timelines.clear();
    this.lastSeq = 0;
    this.loaded = false;
    this.flush();
  }

  /** Takes a live event. One already seen changes nothing, so resuming may overlap. Call {@link flush} after a batch. */
  apply(event: Event): boolean {
    if (event.seq <= this.lastSeq) return false;
    this.lastSeq = event.seq;
    if (event.agentId && this.#timelines.has(event.agentId)) this.#remember(event.agentId, [event]);
    this.#project(event);
    this.onEvent?.(event);
    return true;
  }

  /** Starts to keep the events of an agent; the page then brings the older ones with {@link backfill}. */
  watch(id: string) {
    if (!this.#timelines.has(id)) this.#timelines.set(id, NO_EVENTS);
  }

  unwatch(id: string) {
    this.#timelines.delete(id);
  }

  /** Adds older events of a watched agent without touching what is live. */
  backfill(id: string, events: readonly Event[]) {
    if (!this.#timelines.has(id)) return;
    this.#remember(id, events);
    this.flush();
  }

  applyMetrics(metrics: KernelMetrics, at: number) {
    this.metrics = metrics;
    for (const [number, cpus, memoryBytes] of metrics.agents) {
      const id = this.#ids.get(number);
      const agent = id === undefined ? undefined : this.#agents.get(id);
      if (!agent) continue;
      const kept = [...this.samples(agent.id).slice(-(SAMPLES_KEPT - 1)), { at, cpus, memoryBytes }];
      this.#samples.set(agent.id, kept);
      this.#touch(`samples:${agent.id}`);
    }
    this.#touch('figures');
    this.flush();
  }

  /** Tells the listeners of everything that changed since the last call. */
  flush() {
    const topics = [...this.#dirty];
    this.#dirty.clear();
    for (const topic of topics) for (const listener of this.#listeners.get(topic) ?? []) listener();
  }

  #project(event: Event) {
    if (event.type === 'process.spawned') {
      this.#put(event.info);
      return;
    }
    const id = event.agentId;
    const agent = id === null ? undefined : this.#agents.get(id);
    if (!agent) {
      if (id !== null && event.type !== 'process.reaped') this.outdated.add(id);
      return;
    }
    switch (event.type) {
      case 'process.stateChange':
        this.#change(agent, { state: event.state, phase: event.agentPhase });
        this.outdated.add(agent.id);
        break;
      case 'process.exit':
        this.#change(agent, { state: 'dead', exit: event.exit, endedAt: event.at, pid: null });
        this.outdated.add(agent.id);
        break;
      case 'process.reaped':
        this.#drop(agent.id);
        break;
      case 'process.queued':
        this.#change(agent, { state: 'queued', queuePosition: event.position });
        break;
      case 'process.dequeued':
        this.#change(agent, { queuePosition: null });
        break;
      case 'process.priorityChanged':
        this.#change(agent, { spec: { ...agent.spec, priority: event.priority } });
        break;
      case 'agent.paused':
        this.#change(agent, { state: 'paused' });
        this.#touch(`budget:${agent.id}`);
        break;
      case 'agent.held':
        this.#change(agent, { heldBy: event.by });
        break;
      case 'agent.released':
        this.#change(agent, { heldBy: null });
        break;
      case 'agent.resumed':
      case 'agent.steered':
        this.outdated.add(agent.id);
        this.#touch(`budget:${agent.id}`);
        break;
      case 'agent.thought':
        this.#change(agent, { step: event.step });
        break;
      case 'agent.action':
        this.#change(agent, { step: event.step, lastAction: describeAction(event.tool, event.args) });
        break;
      case 'agent.progress':
        this.#change(agent, { step: event.step, maxSteps: event.maxSteps, lastAction: event.summary });
        break;
      case 'agent.completed':
        this.#change(agent, { lastAction: event.summary.split('\n', 1)[0] ?? '' });
        break;
      case 'tty.opened':
      case 'tty.closed':
        this.#touch(`ttys:${agent.id}`);
        break;
      case 'network.policy':
        this.#change(agent, { spec: { ...agent.spec, network: event.policy } });
        this.#touch(`network:${agent.id}`);
        break;
      case 'network.verdict':
        this.#touch(`network:${agent.id}`);
        break;
      case 'fs.changed':
        this.#touch(`files:${agent.id}`);
        break;
      case 'budget.warning':
      case 'resource.exceeded':
      case 'agent.postMortem':
        this.#touch(`budget:${agent.id}`);
        break;
      case 'plan.created':
      case 'plan.updated':
        this.#touch(`plan:${agent.id}`);
        break;
      case 'memory.stored':
      case 'memory.forgotten':
      case 'memory.consolidated':
      case 'reflection.stored':
      case 'feedback.submitted':
        this.#touch(`memory:${agent.id}`);
        break;
      case 'agent.spawned':
        this.#touch(`tree:${agent.id}`);
        break;
      case 'ipc.message':
      case 'ipc.delivered':
        this.#touch(`letters:${agent.id}`);
        break;
      default:
        break;
    }
  }

  #change(agent: AgentInfo, part: Partial<AgentInfo>) {
    this.#put({ ...agent, ...part });
  }

  #put(agent: Shown) {
    const asks = this.#asking.has(agent.id);
    this.#agents.set(agent.id, (agent.asks ?? false) === asks ? agent : { ...agent, asks });
    this.#ids.set(agent.number, agent.id);
    this.#all = null;
    this.#touch(`agent:${agent.id}`, 'list');
  }

  #drop(id: string) {
    const agent = this.#agents.get(id);
    if (!agent) return;
    this.#agents.delete(id);
    this.#ids.delete(agent.number);
    this.#samples.delete(id);
    this.outdated.delete(id);
    this.#all = null;
    this.#touch(`agent:${id}`, 'list');
  }

  #remember(id: string, events: readonly Event[]) {
    this.#timelines.set(id, mergeBySeq(this.timeline(id), events));
    this.#touch(`timeline:${id}`);
  }

  #touch(...topics: Topic[]) {
    for (const topic of topics) this.#dirty.add(topic);
  }
}

const NO_SAMPLES: readonly Sample[] = [];
const NO_EVENTS: readonly Event[] = [];

/** Both lists in order of their numbers, each number once. */
export function mergeBySeq(known: readonly Event[], more: readonly Event[]): readonly Event[] {
  const first = more[0];
  const last = known[known.length - 1];
  if (!first) return known;
  if (more.length === 1 && (!last || first.seq > last.seq)) return [...known, first];
  const bySeq = new Map<number, Event>();
  for (const event of known) bySeq.set(event.seq, event);
  for (const event of more) bySeq.set(event.seq, event);
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq);
}

/** A tool call in one line, for example `run_command make test`. */
export function describeAction(tool: string, args: unknown): string {
  if (typeof args !== 'object' || args === null) return tool;
  const record = args as Record<string, unknown>;
  for (const key of ['command', 'path', 'from', 'thought', 'summary']) {
    const value = record[key];
    if (typeof value === 'string') return `${tool} ${value.split('\n', 1)[0]}`;
    if (Array.isArray(value)) return `${tool} ${value.join(' ')}`;
  }
  return tool;
}
