import type {
  AgentModels,
  Approval,
  AuditRecord,
  Decision,
  Grant,
  GrantSpec,
  NetworkChange,
  NetworkInfo,
  SecretInfo,
} from './generated';
import { get, page, post, remove, url } from './http';

/** The REST calls about networks, approvals, secrets and models, one function each. */
const at = (ref: string, rest: string) => `/api/v1/agents/${encodeURIComponent(ref)}${rest}`;

export const network = (ref: string, signal?: AbortSignal) => get<NetworkInfo>(at(ref, '/network'), signal);
export const changeNetwork = (ref: string, change: NetworkChange) =>
  post<NetworkInfo>(at(ref, '/network'), change);
export const models = (ref: string, signal?: AbortSignal) => get<AgentModels>(at(ref, '/models'), signal);

export const listApprovals = () => get<Approval[]>('/api/v1/approvals');
export const decide = (id: number, decision: Decision, reason?: string) =>
  post<Approval>(`/api/v1/approvals/${id}`, { decision, reason });

const secret = (name: string, rest = '') => `/api/v1/secrets/${encodeURIComponent(name)}${rest}`;

export const listSecrets = (signal?: AbortSignal) => get<SecretInfo[]>('/api/v1/secrets', signal);
/** The one call that carries a value, and only this way. */
export const setSecret = (name: string, value: string) =>
  post<SecretInfo>('/api/v1/secrets', { name, value });
export const removeSecret = (name: string) => remove<unknown>(secret(name));
export const grant = (name: string, spec: GrantSpec) => post<Grant>(secret(name, '/grants'), spec);
export const revoke = (name: string, id: number) => remove<unknown>(secret(name, `/grants/${id}`));

/** How far back alarms are looked for. */
export const RECORDS = 1000;

/** Alarms of the gateway among the newest records, newest first. */
export async function alarms(signal?: AbortSignal): Promise<AuditRecord[]> {
  const audit = (since: number, limit: number) =>
    page<AuditRecord>(url('/api/v1/audit', { since, limit }), signal);
  const { total } = await audit(0, 1);
  const { list } = await audit(Math.max(0, total - RECORDS), RECORDS);
  return list.filter((record) => record.action === 'secret.alarm').toReversed();
}
