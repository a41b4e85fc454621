import type { FastifyPluginAsync } from 'fastify';
import type { z } from 'zod';
import type { ReportTokenKey } from '../reporting/report-token.ts';
import { ProblemError } from './problems.ts';
import { needsReportToken } from './reports-route.ts';

/** Words of a thousand calls. */
const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

/** `POST` of what our own processes tell (reporting/teller.ts): taken, and stored nowhere. */
export function notesRoute<Notes extends z.ZodType>(options: {
  readonly path: string;
  readonly key: ReportTokenKey;
  readonly notes: Notes;
  readonly take: (notes: z.output<Notes>) => void;
}): FastifyPluginAsync {
  const { path, key, notes, take } = options;
  return async (app) => {
    app.post(
      path,
      { bodyLimit: BODY_LIMIT_BYTES, schema: { hide: true }, onRequest: needsReportToken(key) },
      async ({ body }, reply) => {
        const parsed = notes.safeParse(body);
        if (!parsed.success) throw new ProblemError(400, 'These are no notes that belong here.');
        take(parsed.data);
        return reply.status(204).send();
      },
    );
  };
}
