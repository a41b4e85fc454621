import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import { AccessToken, RoomServiceClient } from 'livekit-server-sdk';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Call } from '../../calls/call.ts';
import type { Store } from '../../api/store.ts';
import { openSqliteStore } from '../../api/store.ts';
import type { TestLivekit } from '../../test/harness/start-livekit.ts';
import { startLivekit } from '../../test/harness/start-livekit.ts';
import { PLAN } from './fixtures/histories.ts';
import { createLiveKit } from '../../livekit/livekit-api.ts';
import { livekitWebhooks } from './receive.ts';
import { reconcile } from '../../reconciler/reconcile.ts';

const KEY = { apiKey: 'APIcontract', apiSecret: randomBytes(32).toString('base64url') };
const log = pino({ level: 'silent' });
const WAIT = { timeout: 50_000, interval: 100 };

/** Nothing is on its way by webhook any more. */
const later = (): Date => new Date(Date.now() + 60_000);

let dir: string;
let ledger: Store;
let livekit: TestLivekit;
const app = fastify();
const callers: ChildProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'webhooks-'));
  ledger = await openSqliteStore(join(dir, 'heard.sqlite'));
  await app.register(livekitWebhooks({ ...KEY, ledger, plan: PLAN }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  livekit = await startLivekit({ ...KEY, webhookUrl: `${url}/webhooks/livekit` });
});
afterAll(async () => {
  for (const caller of callers) caller.kill('SIGKILL');
  await livekit.stop();
  await app.close();
  await ledger.close();
  await rm(dir, { recursive: true });
});

async function call(name: string, status: 'ringing' | 'active'): Promise<ChildProcess> {
  const token = new AccessToken(KEY.apiKey, KEY.apiSecret, {
    identity: 'sip_+74950000001',
    attributes: {
      'sip.callID': `SCL_${name}`,
      'sip.callStatus': status,
      'sip.phoneNumber': '+74950000001',
      'sip.ruleID': 'main',
      'sip.trunkPhoneNumber': '74990000002',
    },
  });
  token.kind = 'sip';
  token.addGrant({ roomJoin: true, room: name, canUpdateOwnMetadata: true });
  const script = join(import.meta.dirname, 'fixtures', 'caller-process.ts');
  const child = spawn(process.execPath, [script, livekit.url, await token.toJwt()], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  callers.push(child);
  await once(child.stdout, 'data');
  return child;
}

async function callNamed(name: string, from = ledger): Promise<Call | undefined> {
  const { data } = await from.calls({ limit: 100 });
  return data.find(({ legs }) => legs[0]?.sipCallId === `SCL_${name}`);
}

test('a caller who hangs up', async () => {
  const caller = await call('bye', 'ringing');
  await vi.waitFor(async () => expect((await callNamed('bye'))?.state).toBe('ringing'), WAIT);
  caller.stdin?.write('bye\n');
  await vi.waitFor(
    async () =>
      expect(await callNamed('bye')).toMatchObject({
        state: 'ended',
        from: '+74950000001',
        to: '+74990000002',
        ending: { by: 'caller', reason: 'cancelled' },
      }),
    WAIT,
  );
});

test('the process of the leg is killed: the call ends, for want of a service', async () => {
  const caller = await call('killed', 'active');
  await vi.waitFor(async () => expect((await callNamed('killed'))?.state).toBe('connected'), WAIT);
  caller.kill('SIGKILL');
  await vi.waitFor(
    async () =>
      expect(await callNamed('killed')).toMatchObject({
        state: 'failed',
        ending: { by: 'system', reason: 'service_lost' },
      }),
    WAIT,
  );
});

test('the room is deleted', async () => {
  await call('deleted', 'active');
  await vi.waitFor(async () => expect((await callNamed('deleted'))?.state).toBe('connected'), WAIT);
  const rooms = new RoomServiceClient(livekit.httpUrl, KEY.apiKey, KEY.apiSecret);
  await rooms.deleteRoom('deleted');
  await vi.waitFor(
    async () =>
      expect(await callNamed('deleted')).toMatchObject({
        state: 'ended',
        ending: { reason: 'room_deleted' },
        room: { finishedAt: expect.any(String) },
      }),
    WAIT,
  );
});

test('a ledger that heard nothing learns from LiveKit what is there, and what is gone', async () => {
  const deaf = await openSqliteStore(join(dir, 'deaf.sqlite'));
  const deps = {
    ledger: deaf,
    livekit: createLiveKit({ url: livekit.url, ...KEY }),
    plan: PLAN,
    log,
  };
  const caller = await call('unheard', 'active');
  await reconcile(deps, later());
  expect(await callNamed('unheard', deaf)).toMatchObject({
    state: 'connected',
    from: '+74950000001',
    room: { name: 'unheard' },
  });
  caller.stdin?.write('bye\n');
  await once(caller, 'exit');
  await vi.waitFor(async () => {
    await reconcile(deps, later());
    expect(await callNamed('unheard', deaf)).toMatchObject({ endedAt: expect.any(String) });
  }, WAIT);
  await deaf.close();
});
