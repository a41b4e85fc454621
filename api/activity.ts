import type { FastifyPluginAsync } from 'fastify';
import { ActivityNotes } from '../calls/activity.ts';
import type { Activity } from '../calls/activity.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ReportTokenKey } from '../reporting/report-token.ts';
import { ProblemError } from './problems.ts';
import { needsReportToken } from './reports-route.ts';

/** Words of a thousand calls. */
const BODY_LIMIT_BYTES = 2 * 1024 * 1024;
/** Of jobs whose end is not told here. */
const MAX_JOBS = 20_000;

export interface CallActivity {
  readonly callId: string;
  readonly activity: Activity;
}
type Listener = (told: CallActivity) => void;

/**
 * What calls are at, from workers to those who look on, by this process only: it is not stored, and
 * other call services on the database have not heard of it.
 */
export class ActivityBoard {
  readonly #callOf = new Map<string, string>();
  readonly #listeners = new Set<Listener>();

  constructor(ledger: Pick<Ledger, 'onRecorded'>) {
    ledger.onRecorded((events, recorded) => {
      for (const [index, { correlation, type }] of events.entries()) {
        const { jobId } = correlation;
        const callId = recorded[index]?.callId;
        if (jobId === undefined || callId === undefined) continue;
        if (type === 'agent.ended') this.#callOf.delete(jobId);
        else this.#callOf.set(jobId, callId);
      }
      const [oldest] = this.#callOf.keys();
      if (this.#callOf.size > MAX_JOBS && oldest !== undefined) this.#callOf.delete(oldest);
    });
  }

  /** @returns ends it */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  take({ notes }: ActivityNotes): void {
    if (this.#listeners.size === 0) return;
    for (const { jobId, activity } of notes) {
      const callId = this.#callOf.get(jobId);
      if (callId === undefined) continue;
      for (const listener of this.#listeners) listener({ callId, activity });
    }
  }
}

/** `POST /internal/v1/activity`, for workers. */
export function activityRoute(board: ActivityBoard, key: ReportTokenKey): FastifyPluginAsync {
  return async (app) => {
    app.post(
      '/internal/v1/activity',
      {
        bodyLimit: BODY_LIMIT_BYTES,
        schema: { hide: true },
        onRequest: needsReportToken(key),
      },
      async ({ body }, reply) => {
        const notes = ActivityNotes.safeParse(body);
        if (!notes.success) throw new ProblemError(400, 'These are no notes of activity.');
        board.take(notes.data);
        return reply.status(204).send();
      },
    );
  };
}
