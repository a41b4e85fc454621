import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { AgentWorker } from './worker.ts';

/** What Prometheus reads of the worker and, through it, of its hosts. */
export function workerMetrics(
  worker: Pick<AgentWorker, 'registered' | 'ready' | 'activeJobs' | 'free' | 'hostHealth'>,
): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number) => {
    const one: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => one.set(value()),
    });
  };
  gauge('trunkline_worker_registered', '1: LiveKit knows it', () => Number(worker.registered));
  gauge('trunkline_worker_ready', '1: it takes calls', () => Number(worker.ready));
  gauge('trunkline_worker_calls', 'Calls that it holds', () => worker.activeJobs);
  gauge('trunkline_worker_free_calls', 'Calls that it would still take', () => worker.free);
  const ofHosts = (name: string, help: string, key: 'lag' | 'memory' | 'calls') => {
    const one: Gauge<'host'> = new Gauge({
      name,
      help,
      labelNames: ['host'],
      registers: [registry],
      collect() {
        one.reset();
        for (const [index, host] of worker.hostHealth.entries()) {
          one.set({ host: String(index) }, host[key]);
        }
      },
    });
  };
  ofHosts(
    'trunkline_host_event_loop_lag_seconds',
    'The longest that a host stood still within the last second; its callers hear it',
    'lag',
  );
  ofHosts('trunkline_host_resident_memory_bytes', 'Memory of a host', 'memory');
  ofHosts('trunkline_host_calls', 'Calls that a host holds', 'calls');
  return registry;
}
