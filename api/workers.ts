import type { FastifyPluginAsync } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { WORKER_TOLD_EVERY_MS, WorkerNote } from '../calls/workers.ts';
import type { ReportTokenKey } from '../reporting/report-token.ts';
import { ProblemError } from './problems.ts';
import { needsReportToken } from './reports-route.ts';

const GONE_MS = 3 * WORKER_TOLD_EVERY_MS;

/** Workers that report to this call service. */
export class WorkerBoard {
  readonly #workers = new Map<string, { readonly note: WorkerNote; readonly at: number }>();
  readonly #now: () => number;
  readonly #since: number;

  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  /** Undefined where none has had the time to tell of itself. */
  list(): readonly WorkerNote[] | undefined {
    const now = this.#now();
    for (const [name, { at }] of this.#workers) {
      if (now - at > GONE_MS) this.#workers.delete(name);
    }
    const notes = [...this.#workers.values()].map(({ note }) => note);
    return notes.length === 0 && now - this.#since < GONE_MS ? undefined : notes;
  }

  take(note: WorkerNote): void {
    this.#workers.set(note.process, { note, at: this.#now() });
  }
}

/** `POST /internal/v1/workers`, for workers. */
export function workerNotesRoute(board: WorkerBoard, key: ReportTokenKey): FastifyPluginAsync {
  return async (app) => {
    app.post(
      '/internal/v1/workers',
      { schema: { hide: true }, onRequest: needsReportToken(key) },
      async ({ body }, reply) => {
        const note = WorkerNote.safeParse(body);
        if (!note.success) throw new ProblemError(400, 'This is no note of a worker.');
        board.take(note.data);
        return reply.status(204).send();
      },
    );
  };
}

export const WorkersView = z.object({
  data: z.array(WorkerNote.omit({ process: true })),
  known: z.boolean().describe('false just after the start of this call service'),
});

/** `/v1/workers` */
export function workersRoute(board: WorkerBoard): FastifyPluginAsyncZod {
  return async (app) => {
    app.get(
      '/v1/workers',
      {
        schema: {
          tags: ['workers'],
          summary: 'Agent workers that report to this call service, and what they can take',
          response: { 200: WorkersView },
        },
      },
      async () => {
        const workers = board.list();
        const data = (workers ?? []).map(({ process: _ours, ...worker }) => worker);
        return { data, known: workers !== undefined };
      },
    );
  };
}
