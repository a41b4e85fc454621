import { setImmediate as turn } from 'node:timers/promises';
import { StoreBusyError, isAboutTheData } from './store-errors.ts';

/** Requests handled together, so that the disk is waited for once. */
const MAX_BATCH = 100;
/** While several come at a time, batches begin no sooner after one another, ms: fewer, larger ones. */
const GATHER_MS = 50;
/** Requests that may wait: memory is bounded, and LiveKit gives an event up after 15 s anyway. */
const MAX_WAITING = 5_000;

export interface Batcher<Request, Result> {
  /** Rejects with `StoreBusyError` when too many wait. */
  run(request: Request): Promise<Result>;
  /** Finishes what was asked for, then takes no more. */
  close(): Promise<void>;
}

interface Waiting<Request, Result> {
  readonly request: Request;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs `handle` on all that came in while it was busy. It takes all requests of a batch or none.
 * When it rejects because of what it was given, each is tried alone, so that one bad request fails
 * only itself. When it rejects because the store is away, everybody who waits is told at once.
 *
 * @param handle answers one result per request, in order
 */
export function createBatcher<Request, Result>(
  handle: (requests: readonly Request[]) => Promise<readonly Result[]>,
): Batcher<Request, Result> {
  const queue: Waiting<Request, Result>[] = [];
  let working: Promise<void> | undefined;
  let closed = false;

  async function work(): Promise<void> {
    while (queue.length > 0) {
      // SQLite never waits, so without a turn of the event loop every batch would be of one.
      await turn();
      const batch = queue.splice(0, MAX_BATCH);
      const gathered = batch.length > 1 ? delay(GATHER_MS) : undefined;
      await attempt(batch);
      await gathered;
    }
    working = undefined;
  }

  async function attempt(batch: readonly Waiting<Request, Result>[]): Promise<void> {
    try {
      const results = await handle(batch.map(({ request }) => request));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length > 1 && isAboutTheData(error)) {
        for (const one of batch) await attempt([one]);
        return;
      }
      const failed = isAboutTheData(error) ? batch : [...batch, ...queue.splice(0)];
      for (const { reject } of failed) reject(error);
    }
  }

  return {
    run(request) {
      if (closed) return Promise.reject(new Error('closed'));
      if (queue.length >= MAX_WAITING) return Promise.reject(new StoreBusyError());
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      queue.push({ request, resolve, reject });
      working ??= work();
      return promise;
    },
    async close() {
      closed = true;
      await working;
    },
  };
}

/** By the global timer, which a test's clock drives; that of node:timers/promises is not. */
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
