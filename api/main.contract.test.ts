import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSqliteStore } from './store.ts';
import { fullDisk } from '../test/harness/full-disk.ts';

const SECRET = randomBytes(32).toString('base64url');
const WAIT = { timeout: 30_000, interval: 100 };

let folder: string;
let dir: string;
let port: number;
beforeEach(async () => {
  dir = folder = await mkdtemp(join(tmpdir(), 'main-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  ({ port } = probe.address() as AddressInfo);
  probe.close();
  await once(probe, 'close');
});
afterEach(() => rm(folder, { recursive: true }));

async function start() {
  const child = spawn(process.execPath, ['api/main.ts'], {
    cwd: join(import.meta.dirname, '..'),
    env: {
      ...process.env,
      TRUNKLINE_DATA_DIR: dir,
      TRUNKLINE_HTTP_PORT: String(port),
      TRUNKLINE_LOG_LEVEL: 'fatal',
      // Nobody is there: the service must not need LiveKit to take what it is told.
      LIVEKIT_URL: 'ws://127.0.0.1:9',
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: SECRET,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const exit = once(child, 'exit');
  await vi.waitFor(async () => {
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect(ready.status).toBe(200);
  }, WAIT);
  return { child, exit };
}

/** True when the service says that it has stored the event. */
async function post(id: string): Promise<boolean> {
  const body = JSON.stringify({
    event: 'participant_joined',
    id,
    createdAt: '1795223165',
    room: { sid: `RM_${id}`, name: id },
    participant: {
      sid: `PA_${id}`,
      identity: 'sip_x',
      kind: 'SIP',
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

test('kill -9 loses no acknowledged event and leaves no half record', async () => {
  const { child, exit } = await start();
  const acknowledged: string[] = [];
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let n = 0; ; n += 1) {
      const id = `EV_${sender}_${n}`;
      if (!(await post(id))) return;
      acknowledged.push(id);
      if (acknowledged.length === 200) child.kill('SIGKILL');
    }
  });
  await Promise.all(senders);
  await exit;

  const ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  const calls = await ledger.calls({ limit: 1_000 });
  const stored = new Set<string>();
  for (const { id } of calls.data) {
    for (const { event } of (await ledger.events(id, { limit: 10 })).data) stored.add(event.id);
  }
  await ledger.close();
  expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
  expect(stored.size).toBe(calls.data.length);
});

test('a full disk: it stays, refuses so that it is sent again, and takes all once there is room', async ({
  skip,
}) => {
  const disk = fullDisk(8 * 1024);
  if (!disk.isMounted) skip('a file that is open goes on being written');
  disk.free();
  dir = disk.dir;
  const { child, exit } = await start();
  disk.fill();
  let stored = 0;
  while (await post(`EV_${stored}`)) stored += 1;
  for (let n = 0; n < 20; n += 1) expect(await post(`EV_again_${n}`)).toBe(false);
  const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
  const alive = await fetch(`http://127.0.0.1:${port}/healthz`);
  expect([ready.status, alive.status]).toEqual([503, 200]);
  disk.free();
  await vi.waitFor(async () => expect(await post(`EV_${stored}`)).toBe(true), WAIT);
  expect(child.exitCode).toBeNull();
  child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
});

test('SIGTERM ends it in order; the key stays the same over starts', async () => {
  const first = await start();
  const key = await readFile(join(dir, 'api-key'), 'utf8');
  first.child.kill('SIGTERM');
  expect(await first.exit).toEqual([0, null]);
  const second = await start();
  const response = await fetch(`http://127.0.0.1:${port}/v1/calls`, {
    headers: { authorization: `Bearer ${key.trim()}` },
  });
  expect(response.status).toBe(200);
  second.child.kill('SIGTERM');
  expect(await second.exit).toEqual([0, null]);
});

test('a data folder that cannot be is said in a sentence', () => {
  const env = { PATH: process.env['PATH'], LIVEKIT_API_KEY: 'key', LIVEKIT_API_SECRET: SECRET };
  const { status, stderr } = spawnSync(process.execPath, ['api/main.ts'], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...env, TRUNKLINE_DATA_DIR: '/proc/x' },
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/TRUNKLINE_DATA_DIR should be a folder that can be written: .*\n$/);
});

test('a ledger that cannot be opened is told in a sentence', async () => {
  await writeFile(
    join(dir, 'trunkline.sqlite'),
    'no database, but long enough to be taken for one',
  );
  const child = spawn(process.execPath, ['api/main.ts'], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, TRUNKLINE_DATA_DIR: dir, TRUNKLINE_HTTP_PORT: String(port) },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(said).toMatch(
    /^Cannot open the ledger \(.*trunkline\.sqlite\): file is not a database\.\n$/,
  );
  expect(code).toBe(1);
});
