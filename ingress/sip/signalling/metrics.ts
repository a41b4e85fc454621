import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

/** Counters of the endpoint, in Prometheus' text form. */
export class SipMetrics {
  readonly registry = new Registry();
  readonly dropped = new Counter({
    name: 'trunkline_sip_dropped_total',
    help: 'Messages not answered: scanners, rate limits, responses that nothing waits for.',
    registers: [this.registry],
  });
  readonly faults = new Counter({
    name: 'trunkline_sip_faults_total',
    help: 'Messages that could not be processed.',
    registers: [this.registry],
  });
  readonly refused = new Counter({
    name: 'trunkline_sip_refused_total',
    help: 'Requests refused, by status.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly ended = new Counter({
    name: 'trunkline_sip_calls_total',
    help: 'Calls that have ended, by reason.',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  readonly active = new Gauge({
    name: 'trunkline_sip_calls_active',
    help: 'Calls that are up or ringing.',
    registers: [this.registry],
  });

  constructor() {
    // Event loop lag before all: callers hear it.
    collectDefaultMetrics({ register: this.registry });
  }
}
