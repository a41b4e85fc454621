import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { HostPort } from '../../config/config.ts';
import type { AgentWorker } from './worker.ts';

/** `/healthz`: the process lives. `/readyz`: it takes calls (503 while it starts or drains). */
export function serveHealth(worker: AgentWorker, { host, port }: HostPort): Promise<Server> {
  const server = createServer((request, response) => {
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
