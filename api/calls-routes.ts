import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CALL_STATES, INGRESSES } from '../calls/call.ts';
import { whyOf } from '../calls/why/why.ts';
import type { Call, CallTurn } from '../calls/call.ts';
import { EndReason } from '../calls/reports.ts';
import { jobOf } from '../calls/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { everyEvent } from '../ledger/page.ts';
import { callsCsv } from './calls-csv.ts';
import { Problem, ProblemError } from './problems.ts';
import { supportFile } from './support-file.ts';
import {
  CallDetailView,
  CallView,
  EventView,
  TranscriptView,
  listOf,
  viewCall,
  viewEvent,
  viewTurns,
  IdParams,
  ListQuery,
  viewPage,
  viewWhy,
} from './views.ts';

/** Of a call's events in one answer: the longest calls have some hundred. */
const MAX_EVENTS = 1_000;

const time = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text).toISOString())
  .describe('RFC 3339');
const number = z.string().min(1).max(64).describe('E.164, `+` as %2B');

export const CallsQuery = ListQuery.extend({
  state: z.enum(CALL_STATES).optional(),
  line: z.string().max(100).optional(),
  direction: z.enum(['inbound', 'outbound']).optional(),
  from: number.optional(),
  to: number.optional(),
  since: time.optional(),
  until: time.optional(),
  endReason: EndReason.optional(),
  ingress: z.enum(INGRESSES).optional(),
  number: z
    .string()
    .max(64)
    .transform((text) => text.replaceAll(/\D/g, ''))
    .pipe(z.string().min(3, 'at least three digits'))
    .optional()
    .describe('digits that a number on either side ends with'),
  room: z.string().min(1).max(256).optional().describe("a room's name"),
  said: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('words that were all said, in calls whose record is final'),
});

export const EventsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_EVENTS).default(200),
  cursor: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
});

/** `/v1/calls` and below: reading. */
export function callsRoutes({ ledger }: { readonly ledger: Ledger }): FastifyPluginAsyncZod {
  async function find(id: string): Promise<Call> {
    const call = await ledger.call(id);
    if (call === undefined) throw new ProblemError(404, 'There is no such call.');
    return call;
  }

  /** What was told after the record was sealed. */
  async function lateTurns(call: Call) {
    if (call.sealedAt === undefined) return [];
    const late: CallTurn[] = [];
    for await (const { event, late: isLate } of everyEvent(ledger, call.id)) {
      if (!isLate || event.type !== 'turn') continue;
      late.push({ ...event.data, job: jobOf(event), at: event.at });
    }
    return viewTurns({ turns: late }).map((turn) => ({ ...turn, late: true }));
  }

  return async (app) => {
    app.get(
      '/v1/calls',
      {
        schema: {
          summary: 'Calls, newest first',
          tags: ['calls'],
          querystring: CallsQuery,
          response: { 200: listOf(CallView), '4xx': Problem },
        },
      },
      async ({ query }) => {
        return viewPage(await ledger.calls(query), viewCall);
      },
    );

    app.get(
      '/v1/calls.csv',
      {
        schema: {
          summary: 'Calls as a table (CSV), newest first, at most 100,000',
          tags: ['calls'],
          querystring: CallsQuery.omit({ limit: true }),
          response: {
            200: { description: 'CSV', content: { 'text/csv': { schema: z.string() } } },
          },
        },
      },
      async ({ query }, reply) =>
        reply
          .type('text/csv; charset=utf-8')
          .header('content-disposition', 'attachment; filename="calls.csv"')
          // A stream, of what the schema describes.
          .send(callsCsv(ledger, query) as never),
    );

    app.get(
      '/v1/calls/:id/support',
      {
        schema: {
          summary: 'A call without personal data, for somebody who is to help',
          tags: ['calls'],
          params: IdParams,
          response: { 200: z.record(z.string(), z.unknown()) },
        },
      },
      async ({ params }, reply) => {
        const call = await find(params.id);
        const events = await ledger.events(call.id, { limit: MAX_EVENTS });
        const known = events.data.map(({ event }) => event);
        const file = supportFile(call, whyOf(call, known), events.data);
        return reply
          .header('content-disposition', 'attachment; filename="support.json"')
          .send(file);
      },
    );

    app.get(
      '/v1/calls/:id',
      {
        schema: {
          summary: 'A call with its timeline and turns',
          tags: ['calls'],
          params: IdParams,
          response: { 200: CallDetailView, '4xx': Problem },
        },
      },
      async ({ params }) => {
        const call = await find(params.id);
        const events = await ledger.events(call.id, { limit: MAX_EVENTS });
        const timeline = events.data.map(viewEvent).sort((a, b) => (a.at < b.at ? -1 : 1));
        const known = events.data.map(({ event }) => event);
        return { ...viewCall(call), why: viewWhy(whyOf(call, known)), timeline };
      },
    );

    app.get(
      '/v1/calls/:id/events',
      {
        schema: {
          summary: "A call's events, in order of arrival",
          tags: ['calls'],
          params: IdParams,
          querystring: EventsQuery,
          response: { 200: listOf(EventView), '4xx': Problem },
        },
      },
      async ({ params, query }) => {
        const call = await find(params.id);
        return viewPage(await ledger.events(call.id, query), viewEvent);
      },
    );

    app.get(
      '/v1/calls/:id/transcript',
      {
        schema: {
          summary: 'What was said',
          tags: ['calls'],
          params: IdParams,
          response: { 200: TranscriptView, '4xx': Problem },
        },
      },
      async ({ params }) => {
        const call = await find(params.id);
        const turns = [...viewTurns(call), ...(await lateTurns(call))];
        return { callId: call.id, turns };
      },
    );
  };
}
