import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Ledger } from '../ledger/ledger.ts';
import { limit, listOf } from './views.ts';

const time = z.iso.datetime();

const SetAsideView = z.object({
  id: z.string().describe('the id of the event, as LiveKit, the worker or the ingress sent it'),
  form: z
    .enum(['event', 'report', 'webhook'])
    .describe('event: it was understood, and could not be recorded'),
  reason: z.string().describe('what went wrong, and where'),
  receivedAt: time,
  attempts: z.number().int(),
  nextAt: time.describe('when it is tried again'),
});

/** `/v1/set-aside`: what came and could not be recorded; a database that is well has none. */
export function setAsideRoutes({
  ledger,
}: {
  readonly ledger: Pick<Ledger, 'setAside'>;
}): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/set-aside',
      {
        schema: {
          tags: ['events'],
          summary: 'Events that could not be recorded, oldest first',
          querystring: z.object({ limit }),
          response: { 200: listOf(SetAsideView) },
        },
      },
      async ({ query }) => ({
        data: [...(await ledger.setAside.list(query.limit))],
        nextCursor: null,
      }),
    );
  };
}
