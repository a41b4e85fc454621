import type { Logger } from 'pino';
import type { CallMetrics } from './call-metrics.ts';
import type { Store } from './store.ts';

export interface LedgerMetrics extends CallMetrics {
  observeLedger(operation: string, seconds: number, ok: boolean): void;
  countDelivery(verdict: string): void;
}

/** The ledger, and how long it takes, what it seals or sets aside, and what becomes of deliveries. */
export function meterLedger(
  ledger: Store,
  metrics: LedgerMetrics,
  log: Pick<Logger, 'error'>,
): Store {
  async function timed<T>(operation: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const observe = (ok: boolean) =>
      metrics.observeLedger(operation, (performance.now() - start) / 1_000, ok);
    try {
      const result = await work();
      observe(true);
      return result;
    } catch (error) {
      observe(false);
      throw error;
    }
  }
  const { queue } = ledger.outbox;

  return {
    ...ledger,
    async record(events) {
      const recorded = await timed('record', () => ledger.record(events));
      for (const [index, { eventId, outcome, reason }] of recorded.entries()) {
        const event = events[index];
        if (event !== undefined && outcome !== 'duplicate') metrics.countEvent(event);
        if (outcome !== 'set_aside') continue;
        log.error(
          { eventId, type: events[index]?.type, reason },
          'event could not be recorded and is set aside',
        );
      }
      return recorded;
    },
    call: (id) => timed('call', () => ledger.call(id)),
    calls: (query) => timed('calls', () => ledger.calls(query)),
    async seal(callIds, at) {
      const sealed = await timed('seal', () => ledger.seal(callIds, at));
      for (const call of sealed) metrics.countSealed(call);
      return sealed;
    },
    outbox: {
      ...ledger.outbox,
      queue: {
        ...queue,
        async finish(claim, attempt, verdict, options) {
          const next = await queue.finish(claim, attempt, verdict, options);
          metrics.countDelivery(verdict.type);
          return next;
        },
      },
    },
  };
}
