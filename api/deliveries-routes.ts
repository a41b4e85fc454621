import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Outbox } from '../webhooks/out/outbox.ts';
import { Problem, ProblemError } from './problems.ts';
import { IdParams, ListQuery, listOf, viewPage } from './views.ts';

const time = z.iso.datetime();
const state = z
  .enum(['pending', 'delivered', 'dead'])
  .describe('dead: given up; kept, and may be sent again');

export const DeliveryView = z.object({
  id: z.string(),
  endpointId: z.string(),
  eventId: z.string(),
  type: z.string(),
  callId: z.string().nullable(),
  sequence: z.number().int().nullable(),
  state,
  attempts: z.number().int().describe('tries that count: not those that were asked to wait'),
  createdAt: time,
  finishedAt: time.optional(),
});

const AttemptView = z.object({
  at: time,
  status: z.number().int().optional().describe('absent: there was no answer'),
  ms: z.number(),
  error: z.string().optional(),
});

const DeliveryDetailView = DeliveryView.extend({ log: z.array(AttemptView) });

const DeliveriesQuery = ListQuery.extend({
  state: state.optional(),
  endpointId: z.string().max(64).optional(),
  callId: z.string().max(64).optional(),
});
/** `/v1/deliveries`: what became of the events that endpoints were to be told. */
export function deliveriesRoutes({ outbox }: { readonly outbox: Outbox }): FastifyPluginAsyncZod {
  const { deliveries } = outbox;
  const schema = { tags: ['deliveries'] };

  return async (app) => {
    app.get(
      '/v1/deliveries',
      {
        schema: {
          ...schema,
          summary: 'Deliveries, newest first',
          querystring: DeliveriesQuery,
          response: { 200: listOf(DeliveryView), '4xx': Problem },
        },
      },
      async ({ query }) => {
        return viewPage(await deliveries.list(query), (delivery) => delivery);
      },
    );

    app.get(
      '/v1/deliveries/:id',
      {
        schema: {
          ...schema,
          summary: 'A delivery with every attempt',
          params: IdParams,
          response: { 200: DeliveryDetailView, '4xx': Problem },
        },
      },
      async ({ params }) => {
        const delivery = await deliveries.get(params.id);
        if (delivery === undefined) throw new ProblemError(404, 'There is no such delivery.');
        return { ...delivery, log: [...delivery.log] };
      },
    );

    app.post(
      '/v1/deliveries/:id/retry',
      {
        schema: {
          ...schema,
          summary: 'Send it again, now',
          params: IdParams,
          response: { 202: z.object({ id: z.string() }), '4xx': Problem },
        },
      },
      async ({ params }, reply) => {
        if (!(await deliveries.retry(params.id))) {
          throw new ProblemError(404, 'There is no such delivery, or its endpoint is gone.');
        }
        return reply.status(202).send({ id: params.id });
      },
    );
  };
}
