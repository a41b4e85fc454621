import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { isAway } from '../ledger/store-errors.ts';

/** Every kind of problem there is, with its status; what each means is in docs/api.md. */
export const PROBLEMS = {
  'invalid-request': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'call-over': 409,
  'request-in-flight': 409,
  'no-outbound-trunk': 409,
  'no-sip-leg': 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'idempotency-key-reused': 422,
  'destination-not-allowed': 403,
  'rate-limited': 429,
  internal: 500,
  'not-supported': 501,
  'livekit-failed': 502,
  unavailable: 503,
} as const satisfies Record<string, number>;
export type ProblemCode = keyof typeof PROBLEMS;

const TYPE_PREFIX = 'urn:trunkline:problem:';
const CONTENT_TYPE = 'application/problem+json';
const CODES = Object.keys(PROBLEMS) as ProblemCode[];

/** Problem details (RFC 9457): what every error of the API looks like. */
export const Problem = z
  .object({
    type: z.string().describe('`urn:trunkline:problem:` and the name of the problem; stable'),
    /** The status in words (RFC 9457 §4.2.1). */
    title: z.string(),
    status: z.number().int(),
    detail: z.string().optional(),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('what is wrong with the request, one by one'),
    sipCode: z.number().int().optional().describe('what the trunk answered'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** Throw it in a handler: the client is told `detail`. */
export class ProblemError extends Error {
  readonly statusCode: number;
  readonly problem: ProblemCode;
  readonly sipCode: number | undefined;

  /** @param kind a status, where its usual problem says enough */
  constructor(
    kind: number | ProblemCode,
    detail: string,
    options?: ErrorOptions & { readonly sipCode?: number | undefined },
  ) {
    super(detail, options);
    this.problem = typeof kind === 'number' ? codeOf(kind) : kind;
    this.statusCode = typeof kind === 'number' ? kind : PROBLEMS[kind];
    this.sipCode = options?.sipCode;
  }
}

export function sendProblem(
  reply: FastifyReply,
  status: number,
  { code, ...more }: Pick<Problem, 'detail' | 'errors' | 'sipCode'> & { code?: ProblemCode } = {},
): FastifyReply {
  return reply
    .status(status)
    .header('content-type', CONTENT_TYPE)
    .serializer(JSON.stringify)
    .send(problemOf(status, code, more));
}

function problemOf(status: number, code = codeOf(status), more: Partial<Problem> = {}): Problem {
  const type = `${TYPE_PREFIX}${code}`;
  return { type, title: STATUS_CODES[status] ?? 'Error', status, ...more };
}

/** What Node's parser refuses (nodejs.org/api/http.html#event-clienterror): all else is a 400. */
const UNPARSED: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** For what is no HTTP request that could be handled: one answer, then the end. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const status = UNPARSED[error.code ?? ''] ?? 400;
  const body = JSON.stringify(problemOf(status));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** For what Fastify refuses before it looks for a route. */
export function answerUnreadable(
  error: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply,
): void {
  void sendProblem(reply, error.statusCode ?? 400, { detail: error.message });
}

/** Every error, and every path or method that is none, as problem details. */
export function answerWithProblems(app: FastifyInstance): void {
  const routes: { readonly path: readonly string[]; readonly methods: string | string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ path: url.split('/'), methods: method });
  });
  const methodsOf = (path: readonly string[]) =>
    routes
      .filter((route) => route.path.length === path.length)
      .filter((route) => route.path.every((part, n) => part === path[n] || part.startsWith(':')))
      .flatMap(({ methods }) => methods);
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request.url);
    const detail = `There is no ${request.method} ${path}.`;
    const allowed = methodsOf(path.split('/'));
    if (allowed.length === 0) return sendProblem(reply, 404, { detail });
    return sendProblem(reply.header('allow', allowed.join(', ')), 405, { detail });
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (hasZodFastifySchemaValidationErrors(error)) {
      const errors = error.validation.map(({ instancePath, message }) => ({
        path: `${error.validationContext ?? ''}${instancePath}`,
        message: message ?? '',
      }));
      return sendProblem(reply, 400, { detail: 'The request is not valid.', errors });
    }
    if (error instanceof ProblemError) {
      const { statusCode, problem, message, sipCode } = error;
      if (statusCode >= 500) request.log.error({ err: error }, 'request failed');
      return sendProblem(reply, statusCode, {
        code: problem,
        detail: message,
        ...(sipCode !== undefined && { sipCode }),
      });
    }
    if (isAway(error)) {
      request.log.error({ err: error }, 'the ledger did not answer');
      void reply.header('retry-after', 1);
      return sendProblem(reply, 503, { detail: 'The database is away, full or busy.' });
    }
    const status = error.statusCode ?? 500;
    if (status === 500) {
      // What went wrong inside is for the log only.
      request.log.error({ err: error }, 'request failed');
      return sendProblem(reply, 500);
    }
    return sendProblem(reply, status, { detail: error.message });
  });
}

function codeOf(status: number): ProblemCode {
  return (
    CODES.find((code) => PROBLEMS[code] === status) ??
    (status < 500 ? 'invalid-request' : 'internal')
  );
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}
