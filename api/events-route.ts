import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { PublicEvent } from '../webhooks/out/public-events.ts';
import { PUBLIC_EVENT_TYPES, matchesType } from '../webhooks/out/public-events.ts';
import type { ActivityBoard, CallActivity } from './activity.ts';
import type { Authenticate } from './access.ts';
import type { EventFeed } from './event-feed.ts';
import { ProblemError } from './problems.ts';

const PAGE = 100;
const MAX_CLIENTS = 1_000;

export interface StreamLimits {
  /** Something is sent this often, so that neither side waits for a dead one, ms. */
  readonly heartbeatMs: number;
  /** A client that takes nothing for this long is dropped, ms. */
  readonly stallMs: number;
  /** How soon a client should come back, ms. */
  readonly retryMs: number;
}
export const STREAM_LIMITS: StreamLimits = { heartbeatMs: 15_000, stallMs: 10_000, retryMs: 2_000 };

const position = z.string().regex(/^\d{1,15}$/, 'a position: the id of an event of this stream');

/** One event, as SSE and webhooks carry it. */
export const PublicEventView = z
  .object({
    id: z.string().describe('`evt_…`, the same in every delivery'),
    type: z.enum(PUBLIC_EVENT_TYPES),
    callId: z.string().nullable(),
    sequence: z.number().int().nullable().describe('1, 2, 3 … within the call, without gaps'),
    timestamp: z.iso.datetime(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export const EventPattern = z
  .string()
  .max(64)
  .refine((text) => PUBLIC_EVENT_TYPES.some((type) => matchesType(type, [text])), {
    error: ({ input }) =>
      `no event has the type ${JSON.stringify(input)}: there are ${PUBLIC_EVENT_TYPES.join(', ')}`,
  })
  .describe('a type, all types below one (`call.*`), or `*`');

export const StreamQuery = z.object({
  types: z
    .string()
    .max(500)
    .transform((text) => text.split(','))
    .pipe(z.array(EventPattern))
    .optional()
    .describe('types between commas: `call.ended`, all below one (`call.*`), or `*`'),
  callId: z.string().max(64).optional(),
  line: z.string().max(100).optional(),
  activity: z
    .enum(['true', 'false'])
    .default('false')
    .describe(
      '`true`: also what calls are at, as SSE events named `activity` with `callId` and `activity`; they have no id, and are never sent again',
    ),
  after: position
    .optional()
    .describe('begin after this position; `0`: with the oldest. Without it: with what comes next'),
});

const StreamHeaders = z.object({ 'last-event-id': position.optional() });

interface StreamOptions {
  readonly feed: EventFeed;
  readonly board: ActivityBoard;
  readonly authenticate: Authenticate;
  readonly limits: StreamLimits;
}

/**
 * `GET /v1/events`: what happens, as it happens, by Server-Sent Events (WHATWG HTML §9.2). `id` is
 * the place in the log: a client that comes back with it misses nothing and gets nothing twice,
 * whichever call service it comes to. Nothing is queued for a client: each reads the log at its
 * own pace, and one that stops reading is dropped.
 */
export function eventsRoute(options: StreamOptions): FastifyPluginAsyncZod {
  const { feed, board, authenticate, limits } = options;
  const closing = new AbortController();

  return async (app) => {
    app.addHook('preClose', async () => closing.abort());
    app.get(
      '/v1/events',
      {
        exposeHeadRoute: false,
        schema: {
          tags: ['events'],
          summary: 'What happens, as it happens (Server-Sent Events)',
          querystring: StreamQuery,
          headers: StreamHeaders,
          response: {
            200: {
              description: 'events',
              content: { 'text/event-stream': { schema: z.string() } },
            },
          },
        },
      },
      async (request, reply) => {
        if (closing.signal.aborted || feed.readers >= MAX_CLIENTS) {
          throw new ProblemError(503, 'This call service takes no more streams.');
        }
        const { query, headers } = request;
        const last = await feed.open();
        try {
          const asked = headers['last-event-id'] ?? query.after;
          // A position of another ledger, or of one that was restored, would never come.
          const after = Math.min(asked === undefined ? last : Number(asked), last);
          reply.hijack();
          reply.raw.writeHead(200, {
            ...(reply.getHeaders() as Record<string, string>),
            'content-type': 'text/event-stream',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          });
          await stream(reply.raw, after, {
            feed,
            limits,
            closing: closing.signal,
            matches: filterOf(query, feed),
            activity: query.activity === 'true' ? activityFor(query, feed, board) : undefined,
            isWelcome: async () => (await authenticate(request)) !== undefined,
          });
        } catch (error) {
          if (!reply.sent) throw error;
          // The client comes back and goes on where it was.
          request.log.info({ err: error }, 'event stream broke off');
          reply.raw.destroy();
        } finally {
          feed.close();
        }
      },
    );
  };
}

interface Streaming {
  readonly feed: EventFeed;
  readonly limits: StreamLimits;
  readonly closing: AbortSignal;
  readonly matches: (event: PublicEvent) => Promise<boolean>;
  readonly isWelcome: () => Promise<boolean>;
  /** Calls the listener with what calls are at; returns how to stop. */
  readonly activity: ((tell: (told: CallActivity) => void) => () => void) | undefined;
}

async function stream(raw: ServerResponse, after: number, options: Streaming): Promise<void> {
  const { feed, limits, closing, matches, isWelcome } = options;
  const gone = new AbortController();
  raw.once('close', () => gone.abort());
  const ended = AbortSignal.any([gone.signal, closing]);
  let position = after;
  const forget = options.activity?.((told) => {
    // A client that is behind does without.
    if (raw.destroyed || raw.writableNeedDrain) return;
    raw.write(`event: activity\ndata: ${JSON.stringify(told)}\n\n`);
  });
  raw.once('close', () => forget?.());

  await send(raw, `retry: ${limits.retryMs}\nid: ${position}\n\n`, limits.stallMs);
  while (!ended.aborted) {
    const events = await feed.read(position, PAGE);
    for (const event of events) {
      if (ended.aborted) break;
      position = event.position;
      // What was read before a client made us wait may have been erased since.
      if ((await matches(event)) && (await send(raw, format(event), limits.stallMs))) break;
    }
    if (events.length > 0) continue;
    const beat = AbortSignal.timeout(limits.heartbeatMs);
    await feed.changed(position, AbortSignal.any([ended, beat]));
    if (!beat.aborted || ended.aborted) continue;
    if (!(await isWelcome())) break;
    // An id without data moves the client's Last-Event-ID past what its filters left out.
    await send(raw, `: still here\nid: ${position}\n\n`, limits.stallMs);
  }
  raw.end();
}

/**
 * Rejects when the client does not take it in time: what it has not taken is not kept for it.
 *
 * @returns whether the client was waited for
 */
async function send(raw: ServerResponse, text: string, stallMs: number): Promise<boolean> {
  if (raw.destroyed || raw.write(text)) return false;
  const stalled = AbortSignal.timeout(stallMs);
  const closed = new AbortController();
  const onClose = () => closed.abort();
  raw.once('close', onClose);
  try {
    await once(raw, 'drain', { signal: AbortSignal.any([stalled, closed.signal]) });
  } catch (error) {
    if (stalled.aborted) throw new Error('the client is too slow', { cause: error });
  } finally {
    raw.off('close', onClose);
  }
  return true;
}

function format({ position, ...event }: PublicEvent): string {
  return `id: ${position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

function activityFor(
  { callId, line }: z.output<typeof StreamQuery>,
  feed: EventFeed,
  board: ActivityBoard,
): Streaming['activity'] {
  const isWanted = async (id: string) =>
    (callId === undefined || callId === id) &&
    (line === undefined || (await feed.lineOf(id)) === line);
  return (tell) =>
    board.listen((told) => {
      isWanted(told.callId).then(
        (isWanted) => isWanted && tell(told),
        () => undefined, // The database is away: nothing is kept for later.
      );
    });
}

function filterOf(
  { types, callId, line }: z.output<typeof StreamQuery>,
  feed: EventFeed,
): (event: PublicEvent) => Promise<boolean> {
  return async (event) => {
    if (types !== undefined && !matchesType(event.type, types)) return false;
    if (callId !== undefined && event.callId !== callId) return false;
    if (line === undefined) return true;
    return event.callId !== null && (await feed.lineOf(event.callId)) === line;
  };
}
