import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as listenAnywhere } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

const SECRET = randomBytes(32).toString('base64url');
const WAIT = { timeout: 30_000, interval: 50 };

interface Payload {
  readonly id: string;
  readonly callId: string;
  readonly sequence: number;
}

let dir: string;
let port: number;
let children: (() => void)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'killed-'));
  const probe = listenAnywhere().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  ({ port } = probe.address() as AddressInfo);
  probe.close();
  await once(probe, 'close');
});
afterEach(async () => {
  for (const kill of children) kill();
  children = [];
  await rm(dir, { recursive: true });
});

async function start() {
  const child = spawn(process.execPath, ['api/main.ts'], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: {
      ...process.env,
      TRUNKLINE_DATA_DIR: dir,
      TRUNKLINE_HTTP_PORT: String(port),
      TRUNKLINE_LOG_LEVEL: 'error',
      TRUNKLINE_ENDPOINT_ALLOW: '127.0.0.1',
      LIVEKIT_URL: 'ws://127.0.0.1:9',
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: SECRET,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exit = once(child, 'exit');
  children.push(() => child.kill('SIGKILL'));
  await vi.waitFor(async () => {
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
  }, WAIT);
  return { child, exit };
}

async function api(path: string, body?: object): Promise<Record<string, unknown>> {
  const key = (await readFile(join(dir, 'api-key'), 'utf8')).trim();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

/** A caller enters a room: true when the service has stored it. */
async function enter(id: string): Promise<boolean> {
  const body = JSON.stringify({
    event: 'participant_joined',
    id: `EV_${id}`,
    createdAt: String(Math.floor(Date.now() / 1_000)),
    room: { sid: `RM_${id}`, name: id },
    participant: {
      sid: `PA_${id}`,
      identity: 'sip_x',
      kind: 'SIP',
      joinedAt: String(Math.floor(Date.now() / 1_000)),
      attributes: { 'sip.callID': `SCL_${id}`, 'sip.ruleID': 'main' },
    },
  });
  const token = await new SignJWT({ sha256: createHash('sha256').update(body).digest('base64') })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('key')
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));
  try {
    const response = await fetch(`http://127.0.0.1:${port}/webhooks/livekit`, {
      method: 'POST',
      headers: { 'content-type': 'application/webhook+json', authorization: token },
      body,
    });
    return response.ok;
  } catch {
    return false;
  }
}

test('kill -9 between the commit and the answer loses no event, and their order stays', async () => {
  const received: Payload[] = [];
  let answering = false;
  let verifier: Webhook | undefined;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (!answering) return;
      received.push(verifier?.verify(body, request.headers as never) as Payload);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hook = (server.address() as AddressInfo).port;

  const first = await start();
  const endpoint = { url: `http://127.0.0.1:${hook}/`, events: ['call.*', 'participant.*'] };
  verifier = new Webhook(String((await api('/v1/endpoints', endpoint))['secret']));
  // Killed while it takes, commits and sends, at a moment of chance.
  const stored: string[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(async (sender) => {
      for (let n = 0; ; n += 1) {
        if (!(await enter(`${sender}_${n}`))) return;
        if (stored.push(`${sender}_${n}`) === 60) first.child.kill('SIGKILL');
      }
    }),
  );
  await first.exit;
  answering = true;
  server.closeAllConnections();

  await start();
  await vi.waitFor(async () => {
    expect((await api('/v1/deliveries?state=pending&limit=1'))['data']).toEqual([]);
  }, WAIT);
  const calls = Map.groupBy(received, ({ callId }) => callId);
  expect(calls.size).toBeGreaterThanOrEqual(stored.length);
  for (const events of calls.values()) {
    const distinct = [...new Map(events.map((event) => [event.id, event.sequence])).values()];
    expect(distinct).toEqual([1, 2, 3]);
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
