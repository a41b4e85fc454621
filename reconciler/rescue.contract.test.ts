/** Callers without an agent in rooms of a real livekit-server, where no worker runs. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose } from '@livekit/rtc-node';
import { fastify } from 'fastify';
import { RoomAgentDispatch, RoomServiceClient } from 'livekit-server-sdk';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Call } from '../calls/call.ts';
import type { Store } from '../api/store.ts';
import { openSqliteStore } from '../api/store.ts';
import { callRoom } from '../test/harness/room-caller.ts';
import type { TestLivekit } from '../test/harness/start-livekit.ts';
import { startLivekit } from '../test/harness/start-livekit.ts';
import { PLAN } from '../webhooks/in/fixtures/histories.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';
import { livekitWebhooks } from '../webhooks/in/receive.ts';
import { watchCalls } from './watch-calls.ts';
import type { CallWatch } from './watch-calls.ts';

const KEY = { apiKey: 'APIrescue', apiSecret: randomBytes(32).toString('base64url') };
const log = pino({ level: 'silent' });
const WAIT = { timeout: 40_000, interval: 100 };

let dir: string;
let ledger: Store;
let livekit: TestLivekit;
let watch: CallWatch;
let service: RoomServiceClient;
const app = fastify();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rescue-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  await app.register(livekitWebhooks({ ...KEY, ledger, plan: PLAN }));
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  livekit = await startLivekit({ ...KEY, webhookUrl: `${url}/webhooks/livekit` });
  service = new RoomServiceClient(livekit.httpUrl, KEY.apiKey, KEY.apiSecret);
  watch = watchCalls({
    ledger,
    livekit: createLiveKit({ url: livekit.url, ...KEY }),
    plan: PLAN,
    lines: [],
    agentName: 'trunkline',
    log,
  });
  watch.start();
});
afterAll(async () => {
  await watch.close();
  await livekit.stop();
  await app.close();
  await ledger.close();
  await dispose();
  await rm(dir, { recursive: true });
});

async function callOf(sipCallId: string): Promise<Call | undefined> {
  const { data } = await ledger.calls({ limit: 100 });
  return data.find(({ legs }) => legs[0]?.sipCallId === sipCallId);
}

function roomFor(number: number, agentName: string) {
  const agents = [new RoomAgentDispatch({ agentName, metadata: '{"line":"main"}' })];
  return service.createRoom({ name: `call-${number}`, agents });
}

test('the caller is released within 15 s, and the record says why', async () => {
  await roomFor(1, 'trunkline');
  const caller = await callRoom({ ...livekit, ...KEY }, 1);
  const came = performance.now();
  await vi.waitFor(() => expect(caller.presence).toBe('gone'), WAIT);
  expect(performance.now() - came).toBeLessThan(15_000);
  await vi.waitFor(
    async () =>
      expect(await callOf(caller.sipCallId)).toMatchObject({
        state: 'failed',
        ending: { by: 'system', reason: 'no_agent' },
        room: { finishedAt: expect.any(String) },
      }),
    WAIT,
  );
  const { data } = await ledger.events((await callOf(caller.sipCallId))?.id ?? '', { limit: 100 });
  expect(data.map(({ event }) => event.type).filter((type) => type.startsWith('rescue.'))).toEqual([
    'rescue.dispatched',
    'rescue.dispatched',
    'rescue.dispatched',
    'rescue.dispatched',
    'rescue.released',
  ]);
});

test("another system's caller is left alone; the answer that nobody tells is learned", async () => {
  await roomFor(2, 'somebody');
  const caller = await callRoom({ ...livekit, ...KEY }, 2);
  await roomFor(3, 'trunkline');
  const ours = await callRoom({ ...livekit, ...KEY }, 3);
  await caller.answer();
  await vi.waitFor(
    async () =>
      expect(await callOf(caller.sipCallId)).toMatchObject({
        state: 'connected',
        legs: [{ answerInferred: true }],
      }),
    WAIT,
  );
  await vi.waitFor(() => expect(ours.presence).toBe('gone'), WAIT);
  expect(caller.presence).toBe('here');
  await caller.hangUp();
});

test('a caller whose way in forgets that it has answered comes back as answered', async () => {
  await roomFor(5, 'somebody');
  const caller = await callRoom({ ...livekit, ...KEY }, 5);
  await caller.answer();
  await vi.waitFor(
    async () => expect((await callOf(caller.sipCallId))?.answeredAt).toBeDefined(),
    WAIT,
  );
  // As livekit-sip does: with the attributes that it had when it came first.
  const again = await callRoom({ ...livekit, ...KEY }, 5);
  await vi.waitFor(async () => {
    const [present] = await service.listParticipants('call-5');
    expect(present?.attributes).toMatchObject({
      'sip.callID': caller.sipCallId,
      'sip.callStatus': 'active',
    });
  }, WAIT);
  const call = await callOf(caller.sipCallId);
  expect(call?.legs).toMatchObject([{ stays: [{}, {}] }]);
  await again.hangUp();
});

test('what is gone already is as good as removed', async () => {
  const rooms = createLiveKit({ url: livekit.url, ...KEY });
  expect(await rooms.deleteRoom({ name: 'never-was', sid: 'RM_0' }, () => true)).toBe(true);
  await rooms.removeParticipant('never-was', { identity: 'nobody', sid: 'PA_0' });
  expect(await rooms.participants('never-was')).toEqual([]);
  await roomFor(4, 'trunkline');
  const [dispatch] = await rooms.dispatches('call-4');
  expect(dispatch).toMatchObject({ agentName: 'trunkline', jobs: [] });
  await rooms.deleteDispatch('call-4', dispatch?.id ?? '');
  await rooms.deleteDispatch('call-4', dispatch?.id ?? '');
  expect(await rooms.dispatches('call-4')).toEqual([]);
});
