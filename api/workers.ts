import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { WORKER_TOLD_EVERY_MS, WorkerNote } from '../calls/workers.ts';

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

  /** Of those that take calls; undefined as with `list`. */
  capacity(): { readonly ready: number; readonly free: number } | undefined {
    const ready = this.list()?.filter((worker) => worker.ready && worker.registered);
    const free = ready?.reduce((sum, { freeCalls }) => sum + freeCalls, 0) ?? 0;
    return ready && { ready: ready.length, free };
  }

  take(note: WorkerNote): void {
    this.#workers.set(note.process, { note, at: this.#now() });
  }
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
