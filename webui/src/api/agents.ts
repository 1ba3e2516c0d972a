import type {
  AgentInfo,
  AgentSpec,
  DoctorReport,
  Event,
  FileEntry,
  Screen,
  SignedReport,
  SystemStatus,
  TtyInfo,
} from './generated';
import { get, page, post, remove, send, url } from './http';

/** The REST calls of Mission Control, one function each. */
const at = (ref: string, rest = '') => `/api/v1/agents/${encodeURIComponent(ref)}${rest}`;

export const signIn = (token: string) => post<unknown>('/api/v1/session', { token });
export const signOut = () => remove<unknown>('/api/v1/session');
export const whoAmI = () => get<{ owner: string }>('/api/v1/session');

export const deploy = (spec: AgentSpec) => post<AgentInfo>('/api/v1/agents', spec);
export const agent = (ref: string, signal?: AbortSignal) => get<AgentInfo>(at(ref), signal);
export const removeAgent = (ref: string) => remove<unknown>(at(ref));
export const steer = (ref: string, verb: 'pause' | 'resume' | 'stop' | 'kill' | 'continue') =>
  post<AgentInfo>(at(ref, `/${verb}`), verb === 'stop' ? {} : undefined);
export const message = (ref: string, content: string) => post<unknown>(at(ref, '/message'), { content });

export const timeline = (ref: string, since: number, signal?: AbortSignal) =>
  get<Event[]>(url(at(ref, '/timeline'), { since, limit: 1000 }), signal);
export const terminals = (ref: string, signal?: AbortSignal) => get<TtyInfo[]>(at(ref, '/terminals'), signal);
export const logs = async (ref: string, signal?: AbortSignal) =>
  new Uint8Array(await (await send(url(at(ref, '/logs'), { stream: 'all' }), { signal })).arrayBuffer());

/** The signed report, and its text exactly as it was signed: another spelling of it would not be valid. */
export async function isolation(ref: string, signal?: AbortSignal) {
  const body = await (await send(at(ref, '/isolation'), { signal })).text();
  const text = body.slice('{"data":'.length, -1);
  return { text, signed: JSON.parse(text) as SignedReport };
}

export const screens = (ids: readonly string[], versions: readonly number[], signal?: AbortSignal) =>
  get<Record<string, Screen>>(
    url('/api/v1/screens', { ids: ids.join(','), versions: versions.join(',') }),
    signal,
  );

export const status = (signal?: AbortSignal) => get<SystemStatus>('/api/v1/system/status', signal);
export const doctor = (signal?: AbortSignal) => get<DoctorReport>('/api/v1/doctor', signal);

export const entries = (ref: string, path: string, signal?: AbortSignal) =>
  page<FileEntry>(url(at(ref, '/entries'), { path }), signal);
export const fileUrl = (ref: string, path: string) => url(at(ref, '/files'), { path });
export const upload = (ref: string, path: string, body: Blob) =>
  send(fileUrl(ref, path), { method: 'PUT', body });
export const mkdir = (ref: string, path: string) =>
  post<unknown>(at(ref, '/mkdir'), { path, recursive: false });
export const move = (ref: string, from: string, to: string) => post<unknown>(at(ref, '/mv'), { from, to });
export const removeFile = (ref: string, path: string, recursive: boolean) =>
  remove<unknown>(url(at(ref, '/files'), { path, recursive }));

/** The first `limit` bytes of a file, and whether there are more. */
export async function readStart(ref: string, path: string, limit: number, signal?: AbortSignal) {
  const response = await send(fileUrl(ref, path), { signal, headers: { Range: `bytes=0-${limit - 1}` } });
  const bytes = new Uint8Array(await response.arrayBuffer()).subarray(0, limit);
  const total = Number(response.headers.get('Content-Range')?.split('/')[1] ?? bytes.length);
  return { bytes, total: Number.isFinite(total) ? total : bytes.length };
}
