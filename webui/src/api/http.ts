import type { ApiError, ErrorCode } from './generated';

/** A refusal with the service's own words; `UNREACHABLE` when no answer came at all. */
export class Refusal extends Error {
  constructor(
    readonly code: ErrorCode | 'UNREACHABLE',
    message: string,
    readonly hint = '',
    readonly status = 0,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal('INTERNAL', error instanceof Error ? error.message : String(error));
}

const signedOutListeners = new Set<() => void>();

/** Called whenever the service says that nobody is signed in. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
}

export function signedOut() {
  for (const listener of signedOutListeners) listener();
}

/** Sends a request and throws a {@link Refusal} unless it succeeded. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Refusal(
      'UNREACHABLE',
      'the service does not answer',
      'check that aetherd runs: systemctl status aether',
    );
  }
  if (response.ok) return response;
  const refusal = await readRefusal(response);
  if (refusal.code === 'UNAUTHENTICATED') signedOut();
  throw refusal;
}

async function readRefusal(response: Response): Promise<Refusal> {
  try {
    const body = (await response.json()) as { error?: ApiError };
    if (body.error) return new Refusal(body.error.code, body.error.message, body.error.hint, response.status);
  } catch {
    // Not the service's own error body: a proxy in between, perhaps.
  }
  const code = response.status === 401 ? 'UNAUTHENTICATED' : 'INTERNAL';
  return new Refusal(code, `the service answered with status ${response.status}`, '', response.status);
}

async function data<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await send(path, init);
  if (response.status === 204) return undefined as T;
  const body = (await response.json()) as { data: T };
  return body.data;
}

/** A page of a list, and how long the whole list is. */
export async function page<T>(path: string, signal?: AbortSignal): Promise<{ list: T[]; total: number }> {
  const body = (await (await send(path, { signal })).json()) as { data: T[]; meta: { total: number } };
  return { list: body.data, total: body.meta.total };
}

export const get = <T>(path: string, signal?: AbortSignal) => data<T>(path, { signal });

export const post = <T>(path: string, body?: unknown) =>
  data<T>(path, {
    method: 'POST',
    headers: body === undefined ? undefined : { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

export const remove = <T>(path: string) => data<T>(path, { method: 'DELETE' });

/** A path with its query; values that are undefined are left out. */
export function url(path: string, query: Record<string, string | number | boolean | undefined>): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) params.set(key, String(value));
  const text = params.toString();
  return text === '' ? path : `${path}?${text}`;
}
