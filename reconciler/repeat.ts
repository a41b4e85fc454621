import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

export interface Repeated {
  /** Stops, when the run that is under way has finished. */
  close(): Promise<void>;
}

/** Runs the task now and `ms` after each end of it; a failure is logged and changes nothing. */
export function repeat(task: () => Promise<void>, ms: number, log: Pick<Logger, 'warn'>): Repeated {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await task().catch((error: unknown) => log.warn({ err: error }, 'periodic task failed'));
      await delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async close() {
      stopping.abort();
      await running;
    },
  };
}
