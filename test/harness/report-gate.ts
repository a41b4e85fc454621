import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Stands before a call service; reports pass only while it is open, all else always. */
export interface ReportGate extends AsyncDisposable {
  /** For `TRUNKLINE_API_URL`. */
  readonly url: string;
  /** Where the call service listens. */
  port: number;
  open: boolean;
}

export async function startReportGate(): Promise<ReportGate> {
  const server = createServer((incoming, outgoing) => {
    const { url: path = '', method, headers } = incoming;
    if (path.startsWith('/internal/') && !gate.open) {
      incoming.destroy();
      return;
    }
    const onward = request({ host: '127.0.0.1', port: gate.port, path, method, headers });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const gate: ReportGate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    port: 0,
    open: true,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return gate;
}
