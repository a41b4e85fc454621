/** Requests handled together, so that the disk is waited for once. */
const MAX_BATCH = 100;

export interface Batcher<Request, Result> {
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
 * Runs `handle` on all that came in while it was busy. It takes all requests of a batch or none;
 * when it rejects, each is tried alone, so that one bad request fails only itself.
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
      const batch = queue.splice(0, MAX_BATCH);
      if (!(await attempt(batch)) && batch.length > 1) {
        for (const one of batch) await attempt([one]);
      }
    }
    working = undefined;
  }

  async function attempt(batch: readonly Waiting<Request, Result>[]): Promise<boolean> {
    try {
      const results = await handle(batch.map(({ request }) => request));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
      return true;
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(error);
      return false;
    }
  }

  return {
    run(request) {
      if (closed) return Promise.reject(new Error('closed'));
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
