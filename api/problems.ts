import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';

/** Problem details (RFC 9457): what every error of the API looks like. */
export const Problem = z.object({
  type: z.literal('about:blank'),
  /** The status in words (RFC 9457 §4.2.1). */
  title: z.string(),
  status: z.number().int(),
  detail: z.string().optional(),
  /** What is wrong with the request, one by one. */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof Problem>;

/** Throw it in a handler: the client is told `detail`. */
export class ProblemError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.statusCode = statusCode;
  }
}

function sendProblem(
  reply: FastifyReply,
  status: number,
  more: Pick<Problem, 'detail' | 'errors'> = {},
): FastifyReply {
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    ...more,
  };
  return reply
    .status(status)
    .header('content-type', 'application/problem+json')
    .serializer(JSON.stringify)
    .send(problem);
}

/** Every error, and every path that is none, as problem details. */
export function answerWithProblems(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, { detail: `There is no ${request.method} ${pathOf(request.url)}.` }),
  );
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (hasZodFastifySchemaValidationErrors(error)) {
      const errors = error.validation.map(({ instancePath, message }) => ({
        path: `${error.validationContext ?? ''}${instancePath}`,
        message: message ?? '',
      }));
      return sendProblem(reply, 400, { detail: 'The request is not valid.', errors });
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

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}
