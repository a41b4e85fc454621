import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SignJWT } from 'jose';

const SECRET = randomBytes(32).toString('base64url');
const START_TIMEOUT_MS = 60_000;

export interface CallService {
  readonly url: string;
  /** Sends a webhook as LiveKit does, signed. Rejects when nobody is there. */
  tell(webhook: object): Promise<Response>;
  /** SIGKILL. */
  kill(): void;
  /** Kills it, where it still runs, and waits for its end. */
  close(): Promise<void>;
}

/** The call service as a process, ready, without a LiveKit server. */
export async function startCallService(
  dataDir: string,
  databaseUrl: string | undefined,
): Promise<CallService> {
  const port = await freePort();
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'api/main.ts'], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: {
      ...process.env,
      TRUNKLINE_DATA_DIR: dataDir,
      TRUNKLINE_HTTP_PORT: String(port),
      TRUNKLINE_LOG_LEVEL: 'fatal',
      LIVEKIT_URL: 'ws://127.0.0.1:9',
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: SECRET,
      ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exit = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const service: CallService = {
    url,
    async tell(webhook) {
      const body = JSON.stringify(webhook);
      const sha256 = createHash('sha256').update(body).digest('base64');
      const token = await new SignJWT({ sha256 })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer('key')
        .setExpirationTime('5m')
        .sign(new TextEncoder().encode(SECRET));
      return fetch(`${url}/webhooks/livekit`, {
        method: 'POST',
        headers: { 'content-type': 'application/webhook+json', authorization: token },
        body,
      });
    },
    kill: () => void child.kill('SIGKILL'),
    async close() {
      child.kill('SIGKILL');
      await exit;
    },
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (child.exitCode === null && performance.now() < deadline) {
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    if (ready?.ok) return service;
    await delay(20);
  }
  await service.close();
  throw new Error('the call service does not start');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
