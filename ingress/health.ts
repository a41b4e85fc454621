import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { HostPort } from '../config/config.ts';
import type { SipEndpoint } from './sip/endpoint.ts';

/**
 * `/healthz`: the process lives. `/readyz`: it takes calls (503 while it starts or drains).
 * `/metrics`: Prometheus. `/stats`: the calls that are up, without numbers.
 *
 * @throws the socket's error when the port is taken
 */
export async function serveHealth(endpoint: SipEndpoint, at: HostPort): Promise<Server> {
  const { registry } = endpoint.metrics;
  const server = createServer((request, response) => {
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type });
      response.end(body);
    };
    const json = (status: number, body: unknown): void => {
      send(status, 'application/json', JSON.stringify(body));
    };
    switch (request.url) {
      case '/healthz':
        json(200, { status: 'ok' });
        return;
      case '/readyz':
        json(endpoint.isReady ? 200 : 503, { status: endpoint.isReady ? 'ready' : 'not ready' });
        return;
      case '/stats':
        json(200, { activeCalls: endpoint.activeCalls.length, calls: endpoint.activeCalls });
        return;
      case '/metrics':
        registry
          .metrics()
          .then((text) => send(200, registry.contentType, text))
          .catch(() => json(500, { status: 'error' }));
        return;
      default:
        json(404, { status: 'not found' });
    }
  });
  server.listen(at.port, at.host);
  await once(server, 'listening');
  return server;
}
