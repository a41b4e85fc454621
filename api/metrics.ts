import { Counter, Gauge, Registry } from 'prom-client';
import { CALL_STATES } from '../calls/call.ts';
import type { Ledger } from '../calls/ledger.ts';

export interface Metrics {
  readonly registry: Registry;
  countWebhook(event: string, outcome: string): void;
  countReport(type: string, outcome: string): void;
}

/** What Prometheus reads at `/metrics`. */
export function createMetrics(ledger: Pick<Ledger, 'countOpen'>): Metrics {
  const registry = new Registry();
  const webhooks = new Counter({
    name: 'trunkline_webhook_events_total',
    help: 'Webhooks from LiveKit that were stored, by event and by what they did to the record',
    labelNames: ['event', 'outcome'],
    registers: [registry],
  });
  const reports = new Counter({
    name: 'trunkline_reports_total',
    help: 'Reports from workers and ingress that were stored, by type and by what they did',
    labelNames: ['type', 'outcome'],
    registers: [registry],
  });
  const calls = new Gauge({
    name: 'trunkline_calls_open',
    help: 'Calls whose record is not sealed, by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await ledger.countOpen();
      for (const state of CALL_STATES) calls.set({ state }, counts[state] ?? 0);
    },
  });
  return {
    registry,
    countWebhook: (event, outcome) => webhooks.inc({ event, outcome }),
    countReport: (type, outcome) => reports.inc({ type, outcome }),
  };
}
