import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Endpoint, Outbox } from '../webhooks/out/outbox.ts';
import { endpointUrlProblem } from '../webhooks/out/endpoint-url.ts';
import { createReachable } from '../webhooks/out/reachable.ts';
import { EventPattern } from './events-route.ts';
import { Problem, ProblemError } from './problems.ts';
import { IdParams, ListQuery, listOf, viewPage } from './views.ts';

const MAX_EVENTS = 50;
const HOUR_MS = 3_600_000;
/** How long the secret before the last one signs as well, hours. */
const OLD_SECRET_HOURS = { default: 24, max: 7 * 24 };

const time = z.iso.datetime();

const events = z.array(EventPattern).min(1).max(MAX_EVENTS);
const description = z.string().max(200);

export const NewEndpointBody = z.strictObject({
  url: z.string().describe('https'),
  events,
  description: description.optional(),
});
export const ChangeBody = z.strictObject({
  url: z.string().optional(),
  events: events.optional(),
  description: description.optional(),
  disabled: z.boolean().optional(),
});
const RotateBody = z
  .strictObject({
    oldValidHours: z.number().min(0).max(OLD_SECRET_HOURS.max).default(OLD_SECRET_HOURS.default),
  })
  .nullish();

const secret = z.string().describe('`whsec_…` (Standard Webhooks); shown this once');

export const EndpointView = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().optional(),
  createdAt: time,
  disabledAt: time.optional(),
  disabledReason: z
    .enum(['operator', 'gone', 'failing'])
    .optional()
    .describe('gone: it answered 410; failing: for 5 days'),
  failingSince: time.optional(),
});

const viewEndpoint = (endpoint: Endpoint) => ({ ...endpoint, events: [...endpoint.events] });

/** `/v1/endpoints`: who is told of calls by webhook. */
export function endpointsRoutes(options: {
  readonly outbox: Outbox;
  /** See `Config.endpointAllow`. */
  readonly endpointAllow: readonly string[];
}): FastifyPluginAsyncZod {
  const { endpoints } = options.outbox;
  const isReachable = createReachable(options.endpointAllow);
  const schema = { tags: ['endpoints'] };

  function checkUrl(url: string | undefined): void {
    const problem = url === undefined ? undefined : endpointUrlProblem(url, isReachable);
    if (problem !== undefined) throw new ProblemError(400, problem);
  }

  return async (app) => {
    app.post(
      '/v1/endpoints',
      {
        schema: {
          ...schema,
          summary: 'Have events sent to a URL',
          body: NewEndpointBody,
          response: { 201: EndpointView.extend({ secret }), '4xx': Problem },
        },
      },
      async ({ body }, reply) => {
        checkUrl(body.url);
        const endpoint = await endpoints.create(body);
        return reply.status(201).send({ ...endpoint, events: [...endpoint.events] });
      },
    );

    app.get(
      '/v1/endpoints',
      {
        schema: {
          ...schema,
          summary: 'Endpoints, newest first',
          querystring: ListQuery,
          response: { 200: listOf(EndpointView), '4xx': Problem },
        },
      },
      async ({ query }) => {
        return viewPage(await endpoints.list(query), viewEndpoint);
      },
    );

    app.get(
      '/v1/endpoints/:id',
      {
        schema: {
          ...schema,
          summary: 'An endpoint',
          params: IdParams,
          response: { 200: EndpointView, '4xx': Problem },
        },
      },
      async ({ params }) => {
        const endpoint = there(await endpoints.get(params.id));
        return viewEndpoint(endpoint);
      },
    );

    app.patch(
      '/v1/endpoints/:id',
      {
        schema: {
          ...schema,
          summary: 'Change an endpoint, or enable it again',
          params: IdParams,
          body: ChangeBody,
          response: { 200: EndpointView, '4xx': Problem },
        },
      },
      async ({ params, body }) => {
        checkUrl(body.url);
        const endpoint = there(await endpoints.change(params.id, body));
        return viewEndpoint(endpoint);
      },
    );

    app.delete(
      '/v1/endpoints/:id',
      {
        schema: {
          ...schema,
          summary: 'Stop sending; what is queued is given up',
          params: IdParams,
          response: { 204: z.null(), '4xx': Problem },
        },
      },
      async ({ params }, reply) => {
        there(await endpoints.delete(params.id));
        return reply.status(204).send(null);
      },
    );

    app.post(
      '/v1/endpoints/:id/test',
      {
        schema: {
          ...schema,
          summary: 'Queue an `endpoint.test` event for this endpoint only',
          params: IdParams,
          response: { 202: z.object({ deliveryId: z.string() }), '4xx': Problem },
        },
      },
      async ({ params }, reply) => {
        const { disabledAt } = there(await endpoints.get(params.id));
        if (disabledAt !== undefined) throw new ProblemError(409, 'The endpoint is disabled.');
        const deliveryId = there(await endpoints.test(params.id));
        return reply.status(202).send({ deliveryId });
      },
    );

    app.post(
      '/v1/endpoints/:id/rotate',
      {
        schema: {
          ...schema,
          summary: 'A new secret; the old one signs as well for a day',
          params: IdParams,
          body: RotateBody,
          response: { 200: z.object({ secret, oldValidUntil: time }), '4xx': Problem },
        },
      },
      async ({ params, body }) => {
        const hours = body?.oldValidHours ?? OLD_SECRET_HOURS.default;
        const until = new Date(Date.now() + hours * HOUR_MS);
        const fresh = there(await endpoints.rotate(params.id, until));
        return { secret: fresh, oldValidUntil: until.toISOString() };
      },
    );
  };
}

function there<T>(found: T | undefined | false): T {
  if (found === undefined || found === false) {
    throw new ProblemError(404, 'There is no such endpoint.');
  }
  return found;
}
