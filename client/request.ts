import type { Problem } from '../api/problems.ts';

export interface ClientOptions {
  /** Of the call service, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Left out in a browser, which has a session. */
  readonly apiKey?: string;
  readonly fetch?: typeof globalThis.fetch;
}

export interface PostOptions {
  /** The same request with the same key is done once, however often it is sent. */
  readonly idempotencyKey?: string;
}

type Query = Readonly<Record<string, string | number | undefined>>;

/** The call service refused; `problem.type` says why (docs/api.md). */
export class TrunklineError extends Error {
  readonly status: number;
  readonly problem: Partial<Problem>;
  /** The same request may be taken later. */
  readonly retryable: boolean;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `the call service answered ${status}`);
    this.name = 'TrunklineError';
    this.status = status;
    this.problem = problem;
    this.retryable = status === 429 || status >= 500;
  }
}

export interface Requester {
  readonly get: <T>(path: string, query?: Query) => Promise<T>;
  readonly bytes: (path: string, query: Query) => Promise<ArrayBuffer>;
  readonly post: <T>(path: string, body?: unknown, options?: PostOptions) => Promise<T>;
  readonly patch: <T>(path: string, body: unknown) => Promise<T>;
  readonly remove: (path: string) => Promise<void>;
  /** The answer as it comes in. */
  readonly open: (path: string, query: Query, init: Init) => Promise<Response>;
}

type Init = Omit<RequestInit, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
};

export function createRequester({
  url,
  apiKey,
  fetch = globalThis.fetch,
}: ClientOptions): Requester {
  const base = new URL(url).href.replace(/\/$/, '');
  const authorization: Record<string, string> =
    apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };

  async function send(path: string, query: Query, { headers, ...init }: Init): Promise<Response> {
    const target = new URL(base + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(name, String(value));
    }
    const response = await fetch(target, { ...init, headers: { ...headers, ...authorization } });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
    throw new TrunklineError(response.status, problem);
  }

  return {
    async get<T>(path: string, query: Query = {}) {
      return (await (await send(path, query, {})).json()) as T;
    },
    async bytes(path, query) {
      return (await send(path, query, {})).arrayBuffer();
    },
    async post<T>(path: string, body?: unknown, { idempotencyKey }: PostOptions = {}) {
      const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      return (await (await send(path, {}, write('POST', body, headers))).json()) as T;
    },
    async patch<T>(path: string, body: unknown) {
      return (await (await send(path, {}, write('PATCH', body))).json()) as T;
    },
    async remove(path) {
      await send(path, {}, { method: 'DELETE' });
    },
    open: send,
  };
}

function write(method: string, body: unknown, headers: Init['headers'] = {}): Init {
  if (body === undefined) return { method, headers };
  const type = { 'content-type': 'application/json' };
  return { method, headers: { ...headers, ...type }, body: JSON.stringify(body) };
}
