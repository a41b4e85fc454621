import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AccessToken } from 'livekit-server-sdk';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createClient } from '../client/index.ts';
import type { TrunklineClient } from '../client/index.ts';
import type { Line } from '../config/config.ts';
import type { TestLivekit } from '../test/harness/start-livekit.ts';
import { startLivekit } from '../test/harness/start-livekit.ts';
import { KEY, startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';

const SECRETS = { apiKey: 'APIoperator', apiSecret: randomBytes(32).toString('base64url') };
const WAIT = { timeout: 30_000, interval: 100 };
const HOST = '127.0.0.1';

let livekit: TestLivekit;
let app: TestApp;
let client: TrunklineClient;
const callers: ChildProcess[] = [];

beforeAll(async () => {
  const port = await freePort();
  livekit = await startLivekit({
    ...SECRETS,
    webhookUrl: `http://${HOST}:${port}/webhooks/livekit`,
  });
  const lines = [
    { name: 'main', numbers: ['*'], language: 'en', agent: { name: 'desk', version: '1' } },
  ] as unknown as Line[];
  app = await startTestApp({
    port,
    config: {
      livekit: { ...SECRETS, url: livekit.url },
      lines,
      outbound: { trunkId: 'ST_none', dialAllow: ['*'] },
    },
  });
  client = createClient({ url: app.url, apiKey: KEY });
});
afterAll(async () => {
  for (const caller of callers) caller.kill('SIGKILL');
  await app.close();
  await livekit.stop();
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

async function call(name: string): Promise<ChildProcess> {
  const token = new AccessToken(SECRETS.apiKey, SECRETS.apiSecret, {
    identity: 'sip_+74950000001',
    attributes: {
      'sip.callID': `SCL_${name}`,
      'sip.callStatus': 'active',
      'sip.phoneNumber': '+74950000001',
      'sip.ruleID': 'main',
      'sip.trunkPhoneNumber': '74990000002',
    },
  });
  token.kind = 'sip';
  token.addGrant({ roomJoin: true, room: name, canUpdateOwnMetadata: true });
  const script = join(import.meta.dirname, '..', 'webhooks', 'in', 'fixtures', 'caller-process.ts');
  const child = spawn(process.execPath, [script, livekit.url, await token.toJwt()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  callers.push(child);
  await once(child.stdout, 'data');
  return child;
}

test('an operator hangs up on a caller in a room of livekit-server', async () => {
  await call('hangup');
  const id = await vi.waitFor(async () => {
    const [found] = (await client.calls.list()).data;
    expect(found?.state).toBe('connected');
    return found?.id ?? '';
  }, WAIT);
  await client.calls.hangup(id);
  await vi.waitFor(async () => {
    expect(await client.calls.get(id)).toMatchObject({
      state: 'ended',
      endedBy: 'operator',
      endReason: 'operator_hangup',
    });
  }, WAIT);
  expect(await createLiveKit({ ...SECRETS, url: livekit.url }).rooms('hangup')).toEqual([]);
  await expect(client.calls.hangup(id)).rejects.toMatchObject({ status: 409 });
});

test('a call that livekit-server cannot place fails, and leaves no room behind', async () => {
  const { id, state } = await client.calls.create({ to: '+74951234567', line: 'main' });
  expect(state).toBe('initializing');
  const call = await vi.waitFor(async () => {
    const found = await client.calls.get(id);
    expect(found.state).toBe('failed');
    return found;
  }, WAIT);
  const ending = { endedBy: 'system', endReason: 'trunk_failure' };
  expect(call).toMatchObject({ direction: 'outbound', ...ending });
  const operator = call.timeline.filter(({ source }) => source === 'operator');
  expect(operator.map(({ type }) => type)).toEqual(['call.requested', 'dial.failed']);
  const rooms = createLiveKit({ ...SECRETS, url: livekit.url });
  await vi.waitFor(async () => {
    expect(await rooms.rooms(call.room?.name ?? '')).toEqual([]);
  }, WAIT);
});
