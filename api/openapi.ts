import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { PROBLEMS, Problem } from './problems.ts';

const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

/** What every route may answer. */
const ANYWHERE = {
  400: problem('The request is not valid'),
  401: problem('No valid API key'),
  403: problem('The key, or the configuration, does not allow it'),
  429: problem('Too many requests; Retry-After says when to come back'),
  500: problem('An error of the call service'),
  503: problem('The database or LiveKit is away'),
};
const FOUND_BY_ID = { 404: problem('There is no such thing') };
const WITH_BODY = {
  413: problem('The body is too large'),
  415: problem('The body is not JSON'),
};
const POSTED = {
  409: problem('Not possible as things are, or the same request is being handled'),
  422: problem('The Idempotency-Key was used for another request'),
};
const ON_A_CALL = {
  501: problem('The way the call came in does not support it'),
  502: problem('LiveKit or the trunk refused'),
};

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Any text of at most 255 characters: the same request with the same key is done once, and answered alike for 24 h',
  schema: { type: 'string', maxLength: 255 },
} as const;

/** `/openapi.json`, generated from what the routes check, and `/docs`, a page that shows it. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Trunkline',
        version: '1',
        description: [
          'Calls, as they were and as they are.',
          '',
          `Problems (RFC 9457), by \`type\`: ${Object.keys(PROBLEMS)
            .map((code) => `\`urn:trunkline:problem:${code}\``)
            .join(', ')}.`,
        ].join('\n'),
      },
      components: {
        securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
        parameters: { IdempotencyKey: IDEMPOTENCY_KEY },
      },
      security: [{ key: [] }],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => {
      const object = jsonSchemaTransformObject(document) as {
        paths?: Record<string, { post?: { parameters?: unknown[] } }>;
      };
      for (const { post } of Object.values(object.paths ?? {})) {
        if (post === undefined) continue;
        const known = post.parameters ?? [];
        post.parameters = [...known, { $ref: '#/components/parameters/IdempotencyKey' }];
      }
      return object as never;
    },
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
}

/** Adds the problems that come with a route's method and path to what it says itself. */
export function describeProblems(api: FastifyInstance): void {
  api.addHook('onRoute', (route) => {
    const schema = route.schema as { response?: Record<string, unknown> } | undefined;
    if (schema === undefined) return;
    const post = route.method === 'POST';
    const { '4xx': _any, ...own } = schema.response ?? {};
    schema.response = {
      ...ANYWHERE,
      ...(route.url.includes(':id') && FOUND_BY_ID),
      ...((post || route.method === 'PATCH') && WITH_BODY),
      ...(post && POSTED),
      ...(post && route.url.startsWith('/v1/calls/') && ON_A_CALL),
      ...Object.fromEntries(
        // A problem that a route names is one like all others.
        Object.entries(own).filter(([, answer]) => answer !== Problem),
      ),
    };
  });
}
