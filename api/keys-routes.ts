import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { SCOPES } from './store-schema.ts';
import type { ApiKeyStore } from './api-key-store.ts';
import { newApiKey } from './api-keys.ts';
import { ProblemError } from './problems.ts';
import { IdParams, ListQuery, listOf, viewPage } from './views.ts';

const time = z.iso.datetime();

export const NewKey = z.strictObject({
  name: z.string().min(1).max(100).describe('whose it is, what for'),
  scope: z.enum(SCOPES).describe('read; operate: calls, too; admin: all'),
});

export const KeyView = z.object({
  id: z.string(),
  name: z.string(),
  scope: z.enum(SCOPES),
  createdAt: time,
  lastUsedAt: time.optional().describe('to the minute'),
});

export const NewKeyView = KeyView.extend({
  key: z.string().describe('the Bearer key; shown this once'),
});

/** `/v1/keys`: who may use the API. Keys of the configuration are not among them. */
export function keysRoutes({ keys }: { readonly keys: ApiKeyStore }): FastifyPluginAsyncZod {
  const tags = ['keys'];
  return async (app) => {
    app.post(
      '/v1/keys',
      {
        schema: { tags, summary: 'Make a key', body: NewKey, response: { 201: NewKeyView } },
      },
      async ({ body }, reply) => {
        const { id, text, digest } = newApiKey();
        const key = { id, ...body, createdAt: new Date().toISOString() };
        await keys.add(key, digest);
        return reply.status(201).send({ ...key, key: text });
      },
    );

    app.get(
      '/v1/keys',
      {
        schema: {
          tags,
          summary: 'Keys, newest first',
          querystring: ListQuery,
          response: { 200: listOf(KeyView) },
        },
      },
      async ({ query }) => {
        return viewPage(await keys.list(query), (key) => key);
      },
    );

    app.delete(
      '/v1/keys/:id',
      {
        schema: {
          tags,
          summary: 'Withdraw a key; it is refused from now on',
          params: IdParams,
          response: { 204: z.null() },
        },
      },
      async ({ params }, reply) => {
        if (!(await keys.remove(params.id))) throw new ProblemError(404, 'There is no such key.');
        return reply.status(204).send(null);
      },
    );
  };
}
