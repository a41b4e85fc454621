import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../calls/ledger.ts';
import { verifyReportToken } from '../calls/report-token.ts';
import type { ReportTokenKey } from '../calls/report-token.ts';
import { Report } from '../calls/reports.ts';
import type { NumberPlan } from '../webhooks/from-livekit.ts';
import { fromReport } from '../webhooks/from-report.ts';
import { ProblemError } from './problems.ts';

const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

/** The envelope; each report is judged alone, so that a bad one does not hold up the others. */
const Envelope = z.object({ reports: z.array(z.unknown()).min(1).max(500) });

export interface ReportsOptions {
  readonly key: ReportTokenKey;
  readonly ledger: Pick<Ledger, 'record'>;
  readonly plan: NumberPlan;
  readonly onReport?: (type: string, outcome: string) => void;
}

/**
 * `POST /internal/v1/reports`: 202 when all valid reports are stored, with those that were not
 * valid; 503 when they could not be stored, and should come again.
 */
export function reportsRoute({ key, ledger, plan, onReport }: ReportsOptions): FastifyPluginAsync {
  return async (app) => {
    app.post(
      '/internal/v1/reports',
      {
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { hide: true },
        // Before the body is read: nobody else has 2 MiB of it parsed.
        async onRequest({ headers }) {
          const token = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
          await verifyReportToken(key, token ?? '').catch((error: unknown) => {
            throw new ProblemError(401, 'The token is missing or wrong.', { cause: error });
          });
        },
      },
      async (request, reply) => {
        const receivedAt = new Date();
        const envelope = Envelope.safeParse(request.body);
        if (!envelope.success) throw new ProblemError(400, 'This is not a batch of reports.');

        const events: CallEvent[] = [];
        const rejected: { index: number; problem: string }[] = [];
        for (const [index, raw] of envelope.data.reports.entries()) {
          const report = Report.safeParse(raw);
          if (report.success) events.push(fromReport(report.data, receivedAt, plan));
          else rejected.push({ index, problem: z.prettifyError(report.error) });
        }
        if (rejected.length > 0) request.log.warn({ rejected }, 'reports are not valid');
        try {
          const recorded = await ledger.record(events);
          for (const [index, { outcome }] of recorded.entries()) {
            onReport?.(events[index]?.type ?? '', outcome);
          }
        } catch (error) {
          request.log.error({ err: error }, 'reports could not be stored');
          void reply.header('retry-after', 1);
          throw new ProblemError(503, 'The reports could not be stored.', { cause: error });
        }
        return reply.status(202).send({ accepted: events.length, rejected });
      },
    );
  };
}
