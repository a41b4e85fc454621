import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { HostPort } from '../../config/config.ts';
import { workerMetrics } from './metrics.ts';
import type { AgentWorker } from './worker.ts';

async function answerMetrics(registry: Registry, response: ServerResponse): Promise<void> {
  const text = await registry.metrics();
  response.writeHead(200, { 'content-type': registry.contentType });
  response.end(text);
}

/**
 * `/healthz`: the process lives. `/readyz`: it takes calls (503 while it starts or drains).
 * `/metrics`: Prometheus.
 */
export function serveHealth(worker: AgentWorker, { host, port }: HostPort): Promise<Server> {
  const registry = workerMetrics(worker);
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      void answerMetrics(registry, response);
      return;
    }
    const ready = worker.ready;
    const body = {
      status: ready ? 'ready' : 'not ready',
      registered: worker.registered,
      activeCalls: worker.activeJobs,
      freeCalls: worker.free,
      hosts: worker.hosts,
    };
    const known = request.url === '/healthz' || request.url === '/readyz';
    const status = known ? (request.url === '/readyz' && !ready ? 503 : 200) : 404;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? body : { status: 'not found' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
