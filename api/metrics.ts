import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { CALL_STATES } from '../calls/call.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { WatchMetrics } from '../reconciler/watch-calls.ts';
import { createCallMetrics } from './call-metrics.ts';
import type { LedgerMetrics } from './metered-ledger.ts';

/** A commit on an SSD takes some ms; a second is trouble, s. */
const LEDGER_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5];
/** How often open calls are counted at most, ms. */
const COUNT_KEPT_MS = 1_000;

export interface Metrics extends WatchMetrics, LedgerMetrics {
  readonly registry: Registry;
  countWebhook(event: string, outcome: string): void;
  countReport(type: string, outcome: string): void;
  /** Asked for how many listen to `/v1/events` whenever Prometheus asks. */
  watchStreams(count: () => number): void;
  /** Asked for workers that take calls and the places they have whenever Prometheus asks. */
  watchWorkers(count: () => { readonly ready: number; readonly free: number } | undefined): void;
  /** Whether LiveKit answered when it was asked last. */
  livekit(): 'unknown' | 'up' | 'down';
  /** Whether LiveKit has the trunks and dispatch rules that it had; `none`: it never had any. */
  sip(): 'unknown' | 'none' | 'ok' | 'lost';
  lookedAtSip(state: 'none' | 'ok' | 'lost', lost: number): void;
}

/** What Prometheus reads at `/metrics`. */
export function createMetrics(
  ledger: Pick<Ledger, 'countOpen'> & { readonly setAside: Pick<Ledger['setAside'], 'count'> },
): Metrics {
  const registry = new Registry();
  // Event loop lag, memory, CPU.
  collectDefaultMetrics({ register: registry });
  const ofCalls = createCallMetrics(registry);
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
  const sipLost = new Gauge({
    name: 'trunkline_sip_setup_lost',
    help: 'Numbers that LiveKit took calls for, and trunks to call by, that it has no trunk or rule for any more; absent: it never had any',
    registers: [],
  });
  let livekit: ReturnType<Metrics['livekit']> = 'unknown';
  let sip: ReturnType<Metrics['sip']> = 'unknown';
  let counted: { readonly at: number; readonly counts: ReturnType<typeof countNow> } | undefined;
  // A database that is away has no figure; the others are told all the same.
  const countNow = () => ledger.countOpen().catch(() => undefined);
  /** Anybody may ask, however often. */
  const countOpen = () => {
    if (counted === undefined || performance.now() - counted.at > COUNT_KEPT_MS) {
      counted = { at: performance.now(), counts: countNow() };
    }
    return counted.counts;
  };
  const calls = new Gauge({
    name: 'trunkline_calls_open',
    help: 'Calls whose record is not sealed, by state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const counts = await countOpen();
      calls.reset();
      if (counts === undefined) return;
      for (const state of CALL_STATES) calls.set({ state }, counts[state] ?? 0);
    },
  });
  const setAside = new Gauge({
    name: 'trunkline_events_set_aside',
    help: 'Events that could not be recorded and are tried again; see GET /v1/set-aside',
    registers: [registry],
    async collect() {
      const count = await ledger.setAside.count().catch(() => undefined);
      setAside.reset();
      if (count !== undefined) setAside.set(count);
    },
  });
  const deliveries = new Counter({
    name: 'trunkline_delivery_attempts_total',
    help: 'Outgoing webhooks that were sent, by what came of it',
    labelNames: ['verdict'],
    registers: [registry],
  });
  const latency = new Histogram({
    name: 'trunkline_ledger_seconds',
    help: 'How long the ledger took, waiting for its turn included',
    labelNames: ['operation', 'ok'],
    buckets: LEDGER_SECONDS,
    registers: [registry],
  });
  let streams: (() => number) | undefined;
  const clients = new Gauge({
    name: 'trunkline_sse_clients',
    help: 'Clients that listen to /v1/events',
    registers: [registry],
    collect() {
      clients.set(streams?.() ?? 0);
    },
  });
  let workers: (() => { readonly ready: number; readonly free: number } | undefined) | undefined;
  const workersReady = new Gauge({
    name: 'trunkline_workers_ready',
    help: 'Agent workers that report to this process and take calls; absent just after its start',
    registers: [registry],
    collect() {
      const known = workers?.();
      workersReady.reset();
      freePlaces.reset();
      if (known === undefined) return;
      workersReady.set(known.ready);
      freePlaces.set(known.free);
    },
  });
  const freePlaces = new Gauge({
    name: 'trunkline_workers_free_calls',
    help: 'Calls that they would still take',
    registers: [registry],
  });
  return {
    ...ofCalls,
    registry,
    observeLedger: (operation, seconds, ok) =>
      latency.observe({ operation, ok: String(ok) }, seconds),
    countDelivery: (verdict) => deliveries.inc({ verdict }),
    watchWorkers(count) {
      workers = count;
    },
    watchStreams(count) {
      streams = count;
    },
    countWebhook: (event, outcome) => webhooks.inc({ event, outcome }),
    countReport: (type, outcome) => reports.inc({ type, outcome }),
    countInferred: (events) => inferred.inc(events),
    countRescue: (step, reason) => rescues.inc({ step, reason }),
    livekit: () => livekit,
    sip: () => sip,
    lookedAtSip(state, lost) {
      sip = state;
      if (state !== 'none') registry.registerMetric(sipLost);
      sipLost.set(lost);
    },
    livekitAnswered(answered) {
      if (livekit === 'unknown') registry.registerMetric(livekitUp);
      livekit = answered ? 'up' : 'down';
      livekitUp.set(answered ? 1 : 0);
    },
  };
}
