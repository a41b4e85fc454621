import { setImmediate as turn } from 'node:timers/promises';
import { ConflictError, StoreBusyError, isForAll } from './store-errors.ts';

/** Requests handled together, so that the disk is waited for once. */
const MAX_BATCH = 100;
/** While several come at a time, batches begin no sooner after one another, ms: fewer, larger ones. */
const GATHER_MS = 50;
/** Requests that may wait: memory is bounded, and LiveKit gives an event up after 15 s anyway. */
const MAX_WAITING = 5_000;
/** A request whose rows somebody else holds is tried with the next batches, for so long, ms. */
const PATIENCE_MS = 2_000;

/** What `handle` answers for a request that it has left out, because somebody holds its rows. */
export const HELD = Symbol('held');

export interface BatcherOptions<Request, Result> {
  /**
   * Instead of rejecting when a request fails that is alone in its batch, or is held for too long;
   * not when the store is away.
   */
  readonly instead?: (request: Request, error: unknown) => Promise<Result>;
}

export interface Batcher<Request, Result> {
  /** Rejects with `StoreBusyError` when too many wait. */
  run(request: Request): Promise<Result>;
  /** Finishes what was asked for, then takes no more. */
  close(): Promise<void>;
}

interface Waiting<Request, Result> {
  readonly request: Request;
  readonly since: number;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs `handle` on all that came in while it was busy. It takes all requests of a batch or none, but
 * for those that it leaves out, which come again with a later batch. When it rejects, each is tried
 * alone, so that a bad request fails only itself. When it rejects because the store is away,
 * everybody who waits is told at once.
 *
 * @param handle answers one result per request, in order
 */
export function createBatcher<Request, Result>(
  handle: (requests: readonly Request[]) => Promise<readonly (Result | typeof HELD)[]>,
  { instead = (_request, error) => Promise.reject(error) }: BatcherOptions<Request, Result> = {},
): Batcher<Request, Result> {
  type One = Waiting<Request, Result>;
  const queue: One[] = [];
  let working: Promise<void> | undefined;
  let closed = false;

  async function work(): Promise<void> {
    while (queue.length > 0) {
      // SQLite never waits, so without a turn of the event loop every batch would be of one.
      await turn();
      const batch = queue.splice(0, MAX_BATCH);
      const gathered = delay(GATHER_MS);
      const held = await attempt(batch);
      queue.push(...held);
      if (batch.length > 1 || held.length > 0) await gathered;
    }
    working = undefined;
  }

  /** Those that were held and may come again. */
  async function attempt(batch: readonly One[]): Promise<readonly One[]> {
    try {
      return await take(batch);
    } catch (error) {
      if (isForAll(error)) return refuse(batch, error);
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) {
        await settle(only, error);
        return [];
      }
    }
    const held: One[] = [];
    for (const [index, one] of batch.entries()) {
      try {
        held.push(...(await take([one])));
      } catch (error) {
        if (isForAll(error)) return refuse([...batch.slice(index), ...held], error);
        await settle(one, error);
      }
    }
    return held;
  }

  async function take(batch: readonly One[]): Promise<readonly One[]> {
    const results = await handle(batch.map(({ request }) => request));
    const held: One[] = [];
    for (const [index, one] of batch.entries()) {
      const result = results[index] as Result | typeof HELD;
      if (result !== HELD) one.resolve(result);
      else if (performance.now() - one.since < PATIENCE_MS) held.push(one);
      else await settle(one, new ConflictError());
    }
    return held;
  }

  /** All who wait, because the next would fail likewise. */
  function refuse(batch: readonly One[], error: unknown): readonly One[] {
    for (const { reject } of [...batch, ...queue.splice(0)]) reject(error);
    return [];
  }

  async function settle({ request, resolve, reject }: One, error: unknown): Promise<void> {
    await instead(request, error).then(resolve, reject);
  }

  return {
    run(request) {
      if (closed) return Promise.reject(new Error('closed'));
      if (queue.length >= MAX_WAITING) return Promise.reject(new StoreBusyError());
      const { promise, resolve, reject } = Promise.withResolvers<Result>();
      queue.push({ request, since: performance.now(), resolve, reject });
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
