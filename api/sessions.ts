import { hkdfSync, randomBytes } from 'node:crypto';
import { fastifyCookie } from '@fastify/cookie';
import { SignJWT, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import type { ApiKeys, Principal } from './api-keys.ts';
import type { IdempotencyStore } from './idempotency-store.ts';
import { SCOPES } from './store-schema.ts';

export const SESSION_COOKIE = 'trunkline_session';
const LINK_MS = 10 * 60_000;
/** A working day. */
export const SESSION_MS = 12 * 3_600_000;
/** An attempt at a link that has no answer is not waited for: it was used. */
const NEVER = new Date(0).toISOString();

const Claims = z.object({
  sub: z.string(),
  scope: z.enum(SCOPES),
  jti: z.string(),
  exp: z.number(),
});
type Claims = z.infer<typeof Claims>;

type Purpose = 'sign-in' | 'session';

export interface SessionsOptions {
  /** LiveKit's API secret: all call services have the same. */
  readonly secret: string;
  readonly once: Pick<IdempotencyStore, 'begin'>;
  readonly keys: Pick<ApiKeys, 'current'>;
}

/**
 * Who uses the API from a browser. A link that is good once becomes a cookie; both are tokens
 * (RFC 7519) that name an API key and hold none, and both end with that key.
 */
export interface Sessions {
  /** For the fragment of a link, which no log and no Referer has. Good once, for 10 minutes. */
  link(principal: Principal): Promise<{ readonly token: string; readonly expiresAt: string }>;
  /** Undefined when the token is used, expired or not ours, or its key is gone. */
  redeem(token: string): Promise<Principal | undefined>;
  /** The value of the cookie. */
  begin(principal: Principal): Promise<string>;
  /** Who has that `Cookie` header. */
  find(header: string | undefined): Promise<Principal | undefined>;
}

export function createSessions({ secret, once, keys }: SessionsOptions): Sessions {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'trunkline desk', 32));

  const sign = (purpose: Purpose, { id, scope }: Principal, expiresAt: Date) =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: 'HS256' })
      .setAudience(purpose)
      .setSubject(id)
      .setJti(randomBytes(16).toString('base64url'))
      .setExpirationTime(expiresAt)
      .sign(key);

  async function read(purpose: Purpose, token: string): Promise<Claims | undefined> {
    try {
      const { payload } = await jwtVerify(token, key, { audience: purpose, algorithms: ['HS256'] });
      return Claims.parse(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof z.ZodError) return undefined;
      throw error;
    }
  }

  return {
    async link(principal) {
      const expiresAt = new Date(Date.now() + LINK_MS);
      return {
        token: await sign('sign-in', principal, expiresAt),
        expiresAt: expiresAt.toISOString(),
      };
    },

    async redeem(token) {
      const claims = await read('sign-in', token);
      if (claims === undefined) return undefined;
      const id = `sign-in ${claims.jti}`;
      const now = new Date().toISOString();
      const attempt = { key: id, fingerprint: id, attempt: claims.jti, startedAt: now };
      if ((await once.begin(attempt, NEVER, NEVER)) !== 'begun') return undefined;
      return keys.current({ id: claims.sub, scope: claims.scope });
    },

    begin: (principal) => sign('session', principal, new Date(Date.now() + SESSION_MS)),

    async find(header) {
      if (header === undefined) return undefined;
      const token = fastifyCookie.parse(header)[SESSION_COOKIE];
      const claims = token === undefined ? undefined : await read('session', token);
      return claims && keys.current({ id: claims.sub, scope: claims.scope });
    },
  };
}
