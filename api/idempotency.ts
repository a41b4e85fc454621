import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IdempotencyStore } from './idempotency-store.ts';
import { ProblemError } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The same for every try of one request; null when the client sent no Idempotency-Key. */
    idempotency: Idempotent | null;
  }
}

interface Idempotent {
  /** Hash of who asks and the key that was sent. */
  readonly id: string;
  readonly attempt: string;
  readonly secret: Buffer;
}

export const ANSWERS_KEPT_MS = 24 * 3_600_000;
/** No request takes this long: an attempt without an answer died with its process, ms. */
const ABANDONED_MS = 120_000;
const MAX_KEY_LENGTH = 255;

/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header) on every POST: the same request
 * again gets the stored answer, with `idempotent-replayed: true`; another request under the same
 * key 422; one whose first try is still under way 409. Answers of 5xx are not kept.
 *
 * An answer may hold a secret (a new key), so it is stored encrypted by what only its sender knows:
 * the API key (or the browser's cookie) and the idempotency key, of which the store has hashes only.
 */
export function idempotent(app: FastifyInstance, store: IdempotencyStore): void {
  app.decorateRequest('idempotency', null);

  app.addHook('preHandler', async (request, reply) => {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || key === undefined) return undefined;
    if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_LENGTH) {
      throw new ProblemError(400, `Idempotency-Key should have 1 to ${MAX_KEY_LENGTH} characters.`);
    }
    const { id, secret } = secretsOf(request, key);
    const attempt = randomBytes(12).toString('base64url');
    const now = Date.now();
    const begun = await store.begin(
      { key: id, fingerprint: fingerprint(request, secret), attempt, startedAt: iso(now) },
      iso(now - ABANDONED_MS),
      iso(now - ANSWERS_KEPT_MS),
    );
    switch (begun) {
      case 'begun':
        request.idempotency = { id, attempt, secret };
        return undefined;
      case 'in_flight':
        void reply.header('retry-after', 1);
        throw new ProblemError('request-in-flight', 'This request is being handled already.');
      case 'other_request':
        throw new ProblemError(
          'idempotency-key-reused',
          'The Idempotency-Key was used for another request.',
        );
      default: {
        const { type, body } = decrypt(secret, begun.answer);
        if (type !== undefined) void reply.header('content-type', type);
        return reply
          .status(begun.status)
          .header('idempotent-replayed', 'true')
          .serializer(String)
          .send(body);
      }
    }
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const { idempotency } = request;
    if (idempotency === null) return payload;
    const { id: key, attempt, secret } = idempotency;
    const status = reply.statusCode;
    try {
      if (status >= 500) await store.release({ key, attempt });
      else {
        const type = reply.getHeader('content-type');
        const body = typeof payload === 'string' ? payload : '';
        const answer = encrypt(secret, { type: type as string | undefined, body });
        await store.finish({ key, attempt }, { status, answer });
      }
    } catch (error) {
      // It has been done, so it is answered; a repetition finds it in flight, then abandoned.
      request.log.error({ err: error }, 'answer could not be kept for repetitions');
    }
    return payload;
  });
}

interface Answer {
  readonly type?: string | undefined;
  readonly body: string;
}

function secretsOf(request: FastifyRequest, key: string) {
  const { authorization, cookie } = request.headers;
  const material = JSON.stringify([authorization ?? cookie, key]);
  const id = createHash('sha256')
    .update(JSON.stringify([request.principal?.id, key]))
    .digest('hex');
  const secret = Buffer.from(hkdfSync('sha256', material, '', 'trunkline/idempotency', 32));
  return { id, secret };
}

/** Keyed: numbers are few, and a plain hash would tell which one was called. */
function fingerprint({ method, url, body }: FastifyRequest, secret: Buffer): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify([method, url, body ?? null]))
    .digest('hex');
}

function encrypt(secret: Buffer, answer: Answer): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', secret, iv);
  const text = Buffer.concat([cipher.update(JSON.stringify(answer)), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]).toString('base64');
}

function decrypt(secret: Buffer, stored: string): Answer {
  const bytes = Buffer.from(stored, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
  return JSON.parse(text.toString('utf8')) as Answer;
}

const iso = (ms: number) => new Date(ms).toISOString();
