import type {
  AgentBudget,
  AgentInfo,
  AgentProfile,
  AgentTree,
  Budget,
  Feedback,
  Letter,
  Memory,
  MemoryLayer,
  MindInfo,
  ModelsReport,
  NewFeedback,
  NewMemory,
  Plan,
  Reflection,
  Template,
} from './generated';
import { get, post, remove, send, url } from './http';

/** The REST calls about how an agent with a goal thinks: budget, plan, memory, letters, models and templates. */
const at = (ref: string, rest: string) => `/api/v1/agents/${encodeURIComponent(ref)}${rest}`;

export const budget = (ref: string, signal?: AbortSignal) => get<AgentBudget>(at(ref, '/budget'), signal);
/** Sets every limit: what is absent has none afterwards. */
export async function setBudget(ref: string, wanted: Budget): Promise<AgentBudget> {
  const answer = await send(at(ref, '/budget'), {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(wanted),
  });
  return ((await answer.json()) as { data: AgentBudget }).data;
}

export interface Steering {
  tools?: readonly string[];
  allTools?: boolean;
  model?: string;
}
export const change = (ref: string, steering: Steering) => post<AgentInfo>(at(ref, '/steer'), steering);

export const plan = (ref: string, signal?: AbortSignal) => get<Plan>(at(ref, '/plan'), signal);
export const profile = (ref: string, signal?: AbortSignal) => get<AgentProfile>(at(ref, '/profile'), signal);
export const reflections = (ref: string, signal?: AbortSignal) =>
  get<Reflection[]>(at(ref, '/reflections'), signal);
export const tree = (ref: string, signal?: AbortSignal) => get<AgentTree>(at(ref, '/tree'), signal);
export const letters = (ref: string, signal?: AbortSignal) => get<Letter[]>(at(ref, '/letters'), signal);
export const feedback = (ref: string, signal?: AbortSignal) => get<Feedback[]>(at(ref, '/feedback'), signal);
export const rate = (ref: string, said: NewFeedback) => post<Feedback>(at(ref, '/feedback'), said);

export interface Wanted {
  q?: string;
  layer?: MemoryLayer;
  limit: number;
}
export const recall = (ref: string, { q, layer, limit }: Wanted, signal?: AbortSignal) =>
  get<Memory[]>(url(at(ref, '/memory'), { q, layer, limit }), signal);
export const remember = (ref: string, memory: NewMemory) => post<Memory>(at(ref, '/memory'), memory);
export const forget = (ref: string, id: number) => remove<unknown>(at(ref, `/memory/${id}`));
export const share = (ref: string, id: number, to: string) =>
  post<Memory>(at(ref, `/memory/${id}/share`), { to });
export const minds = (signal?: AbortSignal) => get<MindInfo[]>('/api/v1/minds', signal);

export const models = (signal?: AbortSignal) => get<ModelsReport>('/api/v1/models', signal);
export const templates = (signal?: AbortSignal) => get<Template[]>('/api/v1/templates', signal);
