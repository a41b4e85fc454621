import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SCOPES } from './store-schema.ts';
import type { Scope } from './store-schema.ts';
import type { ApiKeys, Principal } from './api-keys.ts';
import { ProblemError } from './problems.ts';
import type { Sessions } from './sessions.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every request of `/v1`. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** Needs no key: it is where one is shown, or a session ends. */
    readonly isOpen?: boolean;
  }
}

/**
 * What a browser must send with whatever changes something: another page, which could make it send
 * our cookie, cannot send this header along without asking first (Fetch §3.2: CORS preflight).
 */
const DESK_HEADER = 'trunkline-desk';

type Asking = Pick<FastifyRequest, 'method' | 'headers'>;

/** Who asks, by key or by session; undefined when it is nobody whom we know. */
export type Authenticate = (request: Asking) => Promise<Principal | undefined>;

/** A key in the `Authorization` header (RFC 6750 §2.1), else the session of a browser. */
export function createAuthenticate(keys: ApiKeys, sessions: Sessions): Authenticate {
  return async ({ method, headers }) => {
    if (headers.authorization !== undefined) {
      const key = /^Bearer +(\S+)$/i.exec(headers.authorization)?.[1];
      return key === undefined ? undefined : keys.principalOf(key);
    }
    const changes = method !== 'GET' && method !== 'HEAD';
    if (changes && headers[DESK_HEADER] === undefined) return undefined;
    return sessions.find(headers.cookie);
  };
}

/** Requests that a key may make, and that an address may make without a valid one. */
export interface Limits {
  readonly requestsPerMinute: number;
  readonly failuresPerMinute: number;
}

/**
 * Lets in who has a key of the right scope, so many times a minute: 401, 403, 429, and RateLimit
 * headers (draft-ietf-httpapi-ratelimit-headers) on every answer.
 */
export async function guard(
  app: FastifyInstance,
  authenticate: Authenticate,
  limits: Limits,
): Promise<void> {
  await app.register(rateLimit, { global: false });
  const perKey = app.createRateLimit({
    max: limits.requestsPerMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => request.principal?.id ?? '',
  });
  const failures = app.createRateLimit({
    max: limits.failuresPerMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => request.ip,
  });

  type Limit = Awaited<ReturnType<typeof perKey>>;
  const check = (limit: Limit, reply: FastifyReply, max: number) => {
    if (limit.isAllowed) return;
    const remaining = Math.max(0, limit.remaining);
    void reply.headers({
      'ratelimit-policy': `"default";q=${max};w=60`,
      ratelimit: `"default";r=${remaining};t=${limit.ttlInSeconds}`,
    });
    if (!limit.isExceeded) return;
    void reply.header('retry-after', limit.ttlInSeconds);
    throw new ProblemError(429, `More than ${max} requests in a minute.`);
  };

  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.isOpen === true) {
      return check(await failures(request), reply, limits.failuresPerMinute);
    }
    const principal = await authenticate(request);
    if (principal === undefined) {
      check(await failures(request), reply, limits.failuresPerMinute);
      void reply.header('www-authenticate', 'Bearer');
      throw new ProblemError(401, 'A valid API key is needed: `Authorization: Bearer <key>`.');
    }
    request.principal = principal;
    check(await perKey(request), reply, limits.requestsPerMinute);
    const needed = scopeOf(request);
    if (SCOPES.indexOf(principal.scope) >= SCOPES.indexOf(needed)) return;
    throw new ProblemError(403, `The key may "${principal.scope}"; this needs "${needed}".`);
  });
}

/** Reading is for all; calls are operated; everything else changes how the service works. */
function scopeOf({ method, routeOptions }: Pick<FastifyRequest, 'method' | 'routeOptions'>): Scope {
  const url = routeOptions.url ?? '';
  if (/^\/v1\/keys\b/.test(url)) return 'admin';
  // A link may do what the key may that asks for it.
  if (method === 'GET' || method === 'HEAD' || url === '/v1/sign-in-links') return 'read';
  return /^\/v1\/(?:calls|browser-calls|deliveries)\b/.test(url) ? 'operate' : 'admin';
}
