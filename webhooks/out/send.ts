import { performance } from 'node:perf_hooks';
import { Webhook } from 'standardwebhooks';
import type { Dispatcher } from 'undici';
import { request } from 'undici';
import type { Attempt, Claim } from './outbox.ts';
import type { Answer } from './schedule.ts';
import { parseRetryAfter } from './schedule.ts';

/** From the connection to the answer's head. */
export const SEND_TIMEOUT_MS = 15_000;
/** What an endpoint answers is not read, but a short body is let through to keep the connection. */
const MAX_BODY_BYTES = 16 * 1024;
const BODY_TIMEOUT_MS = 1_000;

export interface Sent extends Answer {
  readonly attempt: Attempt;
}

/** One try, signed by Standard Webhooks. Never throws; redirects are not followed. */
export async function send(
  { event, endpoint }: Pick<Claim, 'event' | 'endpoint'>,
  dispatcher: Dispatcher,
  now: Date,
  timeoutMs = SEND_TIMEOUT_MS,
): Promise<Sent> {
  const { position: _ours, ...payload } = event;
  const body = JSON.stringify(payload);
  const signatures = endpoint.secrets.map((secret) =>
    new Webhook(secret).sign(event.id, now, body),
  );
  const started = performance.now();
  const attempt = (result: Pick<Attempt, 'status' | 'error'>): Attempt => ({
    at: now.toISOString(),
    ms: performance.now() - started,
    ...result,
  });
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request(endpoint.url, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'trunkline',
        'webhook-id': event.id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': signatures.join(' '),
      },
      body,
      signal,
    });
    const { statusCode: status, headers } = response;
    const sent = attempt({ status });
    // The status decides; a body that never ends must not keep anybody.
    const patience = AbortSignal.timeout(BODY_TIMEOUT_MS);
    await response.body.dump({ limit: MAX_BODY_BYTES, signal: patience }).catch(() => undefined);
    const header = headers['retry-after'];
    const retryAfterMs = parseRetryAfter(Array.isArray(header) ? header[0] : header, now);
    return { attempt: sent, status, retryAfterMs };
  } catch (error) {
    return { attempt: attempt({ error: signal.aborted ? 'timeout' : nameOf(error) }) };
  }
}

/** A code, because messages may hold what a log should not. */
function nameOf(error: unknown): string {
  const { code, cause, name } = error as { code?: unknown; cause?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  if (cause !== undefined) return nameOf(cause);
  return typeof name === 'string' ? name : 'error';
}
