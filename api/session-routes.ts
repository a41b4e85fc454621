import cookie from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiKeys, Principal } from './api-keys.ts';
import { ProblemError } from './problems.ts';
import { SESSION_COOKIE, SESSION_MS } from './sessions.ts';
import type { Sessions } from './sessions.ts';
import { SCOPES } from './store-schema.ts';

export const SignInLinkView = z.object({
  path: z.string().describe('of the desk, with the token in its fragment; good once'),
  expiresAt: z.iso.datetime(),
});

export const NewSession = z.union([
  z.strictObject({ token: z.string().max(2_000).describe('of a sign-in link') }),
  z.strictObject({ apiKey: z.string().max(500) }),
]);

export const SessionView = z.object({
  keyId: z.string().describe('what is on the timeline as who did something'),
  scope: z.enum(SCOPES),
});

export interface SessionRoutesOptions {
  readonly keys: ApiKeys;
  readonly sessions: Sessions;
}

/** `/v1/session` and `/v1/sign-in-links`: the API from a browser. */
export function sessionRoutes({ keys, sessions }: SessionRoutesOptions): FastifyPluginAsyncZod {
  const tags = ['session'];

  return async (app) => {
    await app.register(cookie);

    app.post(
      '/v1/sign-in-links',
      {
        schema: {
          tags,
          summary: 'A link that signs a browser in as the key that asks, once, within 10 minutes',
          response: { 201: SignInLinkView },
        },
      },
      async ({ principal }, reply) => {
        const { token, expiresAt } = await sessions.link(known(principal));
        return reply.status(201).send({ path: `/desk/#sign-in=${token}`, expiresAt });
      },
    );

    app.post(
      '/v1/session',
      {
        config: { isOpen: true },
        schema: {
          tags,
          security: [],
          summary: 'Sign in by a link or an API key: sets an HttpOnly cookie',
          body: NewSession,
          response: { 201: SessionView },
        },
      },
      async (request, reply) => {
        const { body } = request;
        const principal =
          'apiKey' in body
            ? await keys.principalOf(body.apiKey)
            : await sessions.redeem(body.token);
        if (principal === undefined) {
          throw new ProblemError(
            401,
            'apiKey' in body
              ? 'This is no valid API key.'
              : 'This link was used before, or is older than 10 minutes: `npm run trunkline -- open` makes another.',
          );
        }
        void setCookie(request, reply, await sessions.begin(principal), SESSION_MS / 1_000);
        return reply.status(201).send({ keyId: principal.id, scope: principal.scope });
      },
    );

    app.get(
      '/v1/session',
      {
        schema: {
          tags,
          summary: 'Who is asking, and what they may',
          response: { 200: SessionView },
        },
      },
      async ({ principal }) => {
        const { id, scope } = known(principal);
        return { keyId: id, scope };
      },
    );

    app.delete(
      '/v1/session',
      {
        config: { isOpen: true },
        schema: { tags, security: [], summary: 'Sign out', response: { 204: z.null() } },
      },
      async (request, reply) => setCookie(request, reply, '', 0).status(204).send(null),
    );
  };
}

function setCookie(
  { protocol, headers }: FastifyRequest,
  reply: FastifyReply,
  value: string,
  maxAge: number,
): FastifyReply {
  // Who claims that it came by TLS makes their own browser careful, no more.
  const secure = protocol === 'https' || headers['x-forwarded-proto'] === 'https';
  const options = { path: '/', httpOnly: true, sameSite: 'strict', secure, maxAge } as const;
  return reply.setCookie(SESSION_COOKIE, value, options);
}

/** The guard lets nobody in without. */
function known(principal: Principal | null): Principal {
  if (principal === null) throw new ProblemError(401, 'A valid API key is needed.');
  return principal;
}
