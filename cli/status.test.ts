import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { status } from './status.ts';

/** Answers with that status; its port. */
async function answering(code: number): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(code).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('what answers is up, what refuses is not ready, what is silent is not there', async () => {
  const [up, busy, gone] = [await answering(200), await answering(503), 1];
  const config = loadConfig({
    env: {
      LIVEKIT_URL: `ws://127.0.0.1:${up}`,
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: 'a secret of thirty-two characters',
      TRUNKLINE_HTTP_PORT: String(up),
      TRUNKLINE_WORKER_PORT: String(busy),
      TRUNKLINE_INGRESS_PORT: String(gone),
    },
    cwd: import.meta.dirname,
    uses: ['livekit', 'callServiceUrl', 'worker', 'sip'],
  });
  expect(await status(config)).toEqual([
    `  LiveKit       up         http://127.0.0.1:${up}`,
    `  call service  up         http://127.0.0.1:${up}`,
    `  agent worker  not ready  http://127.0.0.1:${busy}`,
    `  SIP endpoint  not there  http://127.0.0.1:${gone}`,
  ]);
});
