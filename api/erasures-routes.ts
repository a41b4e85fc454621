import { join } from 'node:path';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { eraseFromSpool } from './erase-spool.ts';
import type { Removal } from '../ledger/privacy/removal.ts';
import { blankOf } from '../ledger/privacy/redact.ts';
import type { Config } from '../config/config.ts';
import { toE164 } from '../config/e164.ts';
import { Problem, ProblemError } from './problems.ts';

const count = z.number().int().nonnegative();

/** What was removed; the number itself is not in it. */
const Receipt = z.object({
  id: z.string(),
  at: z.iso.datetime(),
  numberHash: z.string().describe('HMAC-SHA256 of the number with the LiveKit secret, hex'),
  counts: z.object({
    calls: count,
    events: count,
    publicEvents: count.describe('of the log that webhooks and SSE are fed from'),
    reports: count.describe('not delivered yet, on this machine'),
  }),
});

export interface ErasuresDeps {
  readonly config: Pick<Config, 'lines' | 'numbering' | 'dataDir'>;
  readonly removal: Removal;
}

/** `POST /v1/erasures`: removes a person by number; done twice, it finds nothing more. */
export function erasuresRoutes({ config, removal }: ErasuresDeps): FastifyPluginAsyncZod {
  const { lines, numbering, dataDir } = config;
  const { country, trunkNumbers } = numbering;
  const ours = new Set([...lines.flatMap(({ numbers }) => numbers), ...trunkNumbers]);

  return async (app) => {
    app.post(
      '/v1/erasures',
      {
        schema: {
          summary: 'Remove a person by number',
          description:
            'Every call from or to the number loses what tells who it was and what was said; ' +
            'when, how long and why it ended stay. Calls under way go on.',
          tags: ['calls'],
          body: z.object({ number: z.string().min(1).max(64).describe('E.164') }),
          response: { 200: Receipt, 400: Problem, 401: Problem, 409: Problem },
        },
      },
      async ({ body }) => {
        const number = toE164(body.number, { country });
        if (number === undefined) {
          throw new ProblemError(400, 'The number should be a whole one in E.164: +74951234567.');
        }
        if (ours.has(number)) {
          throw new ProblemError(409, 'That is a number of ours: every call would be removed.');
        }
        const { id, at, numberHash, callIds, events, publicEvents } = await removal.erase(number);
        const counts = {
          calls: callIds.length,
          events,
          publicEvents,
          reports: eraseFromSpool(join(dataDir, 'spool'), blankOf(number, country)),
        };
        await removal.confirm(id, counts);
        return { id, at, numberHash, counts };
      },
    );
  };
}
