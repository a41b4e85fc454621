import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { ulid } from 'ulid';
import { z } from 'zod';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { verifyReportToken } from '../reporting/report-token.ts';
import type { ReportTokenKey } from '../reporting/report-token.ts';
import { reasonOf } from '../ledger/store-errors.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';
import { translator } from '../webhooks/in/translate.ts';
import { ProblemError } from './problems.ts';

const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

/** The envelope; each report is judged alone, so that a bad one does not hold up the others. */
const Envelope = z.object({ reports: z.array(z.unknown()).min(1).max(500) });

export interface ReportsOptions {
  readonly key: ReportTokenKey;
  readonly ledger: Pick<Ledger, 'record' | 'setAside'>;
  readonly plan: NumberPlan;
  readonly onReport?: (type: string, outcome: string) => void;
}

/**
 * `POST /internal/v1/reports`: 202 when all reports are stored, with those that could not be read
 * and were set aside; 503 when they could not be stored, and should come again.
 */
export function reportsRoute({ key, ledger, plan, onReport }: ReportsOptions): FastifyPluginAsync {
  const translate = translator(plan);
  return async (app) => {
    app.post(
      '/internal/v1/reports',
      {
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { hide: true },
        // Before the body is read: nobody else has 2 MiB of it parsed.
        onRequest: needsReportToken(key),
      },
      async (request, reply) => {
        const receivedAt = new Date();
        const envelope = Envelope.safeParse(request.body);
        if (!envelope.success) throw new ProblemError(400, 'This is not a batch of reports.');

        const events: CallEvent[] = [];
        const rejected: { index: number; problem: string }[] = [];
        try {
          for (const [index, raw] of envelope.data.reports.entries()) {
            try {
              events.push(translate('report', raw, receivedAt));
            } catch (error) {
              // A newer worker's, perhaps: then the next version of this service reads it.
              await ledger.setAside.keep({ id: idOf(raw), form: 'report', body: raw, error });
              rejected.push({ index, problem: reasonOf(error) });
              onReport?.('unknown', 'set_aside');
            }
          }
          const recorded = await ledger.record(events);
          for (const [index, { outcome }] of recorded.entries()) {
            onReport?.(events[index]?.type ?? '', outcome);
          }
        } catch (error) {
          request.log.error({ err: error }, 'reports could not be stored');
          void reply.header('retry-after', 1);
          throw new ProblemError(503, 'The reports could not be stored.', { cause: error });
        }
        if (rejected.length > 0) request.log.error({ rejected }, 'reports could not be read');
        return reply.status(202).send({ accepted: events.length, rejected });
      },
    );
  };
}

/** For what only our own processes may tell. */
export function needsReportToken(key: ReportTokenKey) {
  return async ({ headers }: Pick<FastifyRequest, 'headers'>): Promise<void> => {
    const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    await verifyReportToken(key, token ?? '').catch((error: unknown) => {
      throw new ProblemError(401, 'The token is missing or wrong.', { cause: error });
    });
  };
}

/** Its own, where it has one that may be one. */
function idOf(raw: unknown): string {
  const { id } = Object(raw) as { id?: unknown };
  return typeof id === 'string' && id.length > 0 && id.length <= 64 ? id : ulid();
}
