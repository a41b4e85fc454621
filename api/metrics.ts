import { Counter, Gauge, Registry } from 'prom-client';
import { CALL_STATES } from '../calls/call.ts';
import type { Ledger } from '../calls/ledger.ts';
import type { WatchMetrics } from '../webhooks/watch-calls.ts';

export interface Metrics extends WatchMetrics {
  readonly registry: Registry;
  countWebhook(event: string, outcome: string): void;
  countReport(type: string, outcome: string): void;
  /** Whether LiveKit answered when it was asked last. */
  livekit(): 'unknown' | 'up' | 'down';
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
  const inferred = new Counter({
    name: 'trunkline_inferred_events_total',
    help: 'Events that nobody told of and that were concluded from what LiveKit says is there',
    registers: [registry],
  });
  const rescues = new Counter({
    name: 'trunkline_rescue_steps_total',
    help: 'What was done for callers without an agent, by step and reason',
    labelNames: ['step', 'reason'],
    registers: [registry],
  });
  const livekitUp = new Gauge({
    name: 'trunkline_livekit_up',
    help: '1: LiveKit answered when it was asked last, 0: it did not, absent: not asked yet',
    registers: [],
  });
  let livekit: ReturnType<Metrics['livekit']> = 'unknown';
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
    countInferred: (events) => inferred.inc(events),
    countRescue: (step, reason) => rescues.inc({ step, reason }),
    livekit: () => livekit,
    livekitAnswered(answered) {
      if (livekit === 'unknown') registry.registerMetric(livekitUp);
      livekit = answered ? 'up' : 'down';
      livekitUp.set(answered ? 1 : 0);
    },
  };
}
