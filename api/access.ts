import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SCOPES } from './store-schema.ts';
import type { Scope } from './store-schema.ts';
import type { Authenticate, Principal } from './api-keys.ts';
import { ProblemError } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every request of `/v1`. */
    principal: Principal | null;
  }
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
    const principal = await authenticate(request.headers.authorization);
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
  if (method === 'GET' || method === 'HEAD') return 'read';
  return /^\/v1\/(?:calls|deliveries)\b/.test(url) ? 'operate' : 'admin';
}
