import type { Ledger } from '../calls/ledger.ts';

export interface LedgerMetrics {
  observeLedger(operation: string, seconds: number, ok: boolean): void;
  countSealed(state: string, endReason: string): void;
  countDelivery(verdict: string): void;
}

/** The ledger, and how long it takes, what it seals, and what becomes of deliveries. */
export function meterLedger(ledger: Ledger, metrics: LedgerMetrics): Ledger {
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
    record: (events) => timed('record', () => ledger.record(events)),
    call: (id) => timed('call', () => ledger.call(id)),
    calls: (query) => timed('calls', () => ledger.calls(query)),
    async seal(callIds, at) {
      const sealed = await timed('seal', () => ledger.seal(callIds, at));
      for (const { state, ending } of sealed) {
        metrics.countSealed(state, ending?.reason ?? 'unknown');
      }
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
