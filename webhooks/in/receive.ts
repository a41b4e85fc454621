import type { FastifyBaseLogger, FastifyPluginAsync } from 'fastify';
import type { CallEvent } from '../../calls/events.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { reasonOf } from '../../ledger/store-errors.ts';
import { fromLiveKit } from '../../livekit/from-livekit.ts';
import type { NumberPlan } from '../../livekit/from-livekit.ts';
import { LiveKitWebhook } from '../../livekit/livekit-webhook.ts';
import { createWebhookVerifier } from './verify-webhook.ts';

/** LiveKit's largest events (rooms with metadata) are some 10 kB. */
const BODY_LIMIT_BYTES = 256 * 1024;
const RETRY_AFTER_SECONDS = 1;
/** Whoever forges webhooks decides how many there are, and shall not fill the log: one line, ms. */
const FORGERIES_LOGGED_EVERY_MS = 10_000;

export interface ReceiverOptions {
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly ledger: Pick<Ledger, 'record' | 'setAside'>;
  readonly plan: NumberPlan;
  /** Told of each event that was taken, e.g. to count it. */
  readonly onEvent?: (event: string, outcome: string) => void;
}

/** An error that Fastify answers with this status. */
function refuse(statusCode: number, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { statusCode });
}

/**
 * `POST /webhooks/livekit`: 200 when the event is stored (or was already), 401 when LiveKit did
 * not sign it, 400 when it is none, 413 when it is too large, 503 when it could not be stored.
 * LiveKit repeats an event for about 15 s, but not after 4xx other than 429.
 */
export function livekitWebhooks(options: ReceiverOptions): FastifyPluginAsync {
  const { ledger, plan, onEvent } = options;
  const verify = createWebhookVerifier(options.apiKey, options.apiSecret);
  let forged = 0;
  let loggedAt = -Infinity;

  function logForgery(log: FastifyBaseLogger, error: unknown): void {
    forged += 1;
    const now = performance.now();
    if (now - loggedAt < FORGERIES_LOGGED_EVERY_MS) return;
    log.warn({ err: error, count: forged }, 'webhooks were not signed by LiveKit');
    loggedAt = now;
    forged = 0;
  }

  /** What came of it. */
  async function store(
    webhook: LiveKitWebhook,
    receivedAt: Date,
    log: FastifyBaseLogger,
  ): Promise<string> {
    let event: CallEvent;
    try {
      event = fromLiveKit(webhook, receivedAt, plan);
    } catch (error) {
      log.error({ eventId: webhook.id, reason: reasonOf(error) }, 'webhook could not be read');
      await ledger.setAside.keep({ id: webhook.id, form: 'webhook', body: webhook, error });
      return 'set_aside';
    }
    const [recorded] = await ledger.record([event]);
    return recorded?.outcome ?? 'unassigned';
  }

  return async (app) => {
    app.removeAllContentTypeParsers();
    // The signature is over the bytes as sent.
    app.addContentTypeParser<Buffer>(
      ['application/webhook+json', 'application/json'],
      { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
      (_request, body, done) => done(null, body),
    );

    app.post('/webhooks/livekit', { schema: { hide: true } }, async (request, reply) => {
      const receivedAt = new Date();
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      await verify(body, request.headers.authorization).catch((error: unknown) => {
        logForgery(request.log, error);
        throw refuse(401, 'The signature is missing or wrong.', error);
      });
      const parsed = LiveKitWebhook.safeParse(parseJson(body));
      if (!parsed.success) throw refuse(400, 'This is not a LiveKit webhook.', parsed.error);
      const { id, event: name } = parsed.data;
      try {
        const outcome = await store(parsed.data, receivedAt, request.log);
        onEvent?.(name, outcome);
      } catch (error) {
        request.log.error({ err: error, eventId: id }, 'webhook could not be stored');
        void reply.header('retry-after', RETRY_AFTER_SECONDS);
        throw refuse(503, 'The event could not be stored.', error);
      }
      return { id };
    });
  };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
