/**
 * Webhooks lost, doubled and late, the call service away, LiveKit started anew: what the record
 * says in the end is what happened. `OUTAGE_CALLS=20 OUTAGE_SECONDS=150` for the full size.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { dispose } from '@livekit/rtc-node';
import { RoomServiceClient } from 'livekit-server-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePorts } from '../cli/free-ports.ts';
import type { CallRecord } from './harness/call-records.ts';
import type { LossyProxy } from './harness/lossy-proxy.ts';
import { startLossyProxy } from './harness/lossy-proxy.ts';
import type { RoomCaller } from './harness/room-caller.ts';
import { callRoom } from './harness/room-caller.ts';
import type { TestLivekit } from './harness/start-livekit.ts';
import { startLivekit } from './harness/start-livekit.ts';
import { waitFor } from './harness/wait-for.ts';

const CALLS = Number(process.env['OUTAGE_CALLS'] ?? 6);
const OUTAGE_MS = Number(process.env['OUTAGE_SECONDS'] ?? 4) * 1000;
const FAULTS = { dropped: 0.3, doubled: 0.2, delayed: 0.3, delayMs: 3_000 };
/** The promise: after any outage. */
const RIGHT_WITHIN_MS = 60_000;
const KEY = { apiKey: 'APIoutage', apiSecret: randomBytes(32).toString('base64url') };
const API_KEY = randomBytes(16).toString('hex');

const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-outages-'));
const callers: RoomCaller[] = [];
let servicePort: number;
let livekitPort: number;
let livekit: TestLivekit;
let proxy: LossyProxy;
let service: ChildProcess;

beforeAll(async () => {
  servicePort = await findFreePorts(1);
  livekitPort = await findFreePorts(3);
  const target = `http://127.0.0.1:${servicePort}/webhooks/livekit`;
  proxy = await startLossyProxy({ target, seed: 4, faults: FAULTS });
  livekit = await startLivekit({ ...KEY, webhookUrl: proxy.url, port: livekitPort });
  await startService();
});
afterAll(async () => {
  await Promise.all(callers.map((caller) => caller.hangUp().catch(() => undefined)));
  service.kill('SIGKILL');
  await livekit.stop();
  await proxy[Symbol.asyncDispose]();
  await dispose();
  rmSync(dataDir, { recursive: true, force: true });
});

async function startService(): Promise<void> {
  service = spawn(process.execPath, [join(import.meta.dirname, '..', 'api', 'main.ts')], {
    cwd: dataDir,
    env: {
      PATH: process.env['PATH'],
      LIVEKIT_URL: livekit.url,
      LIVEKIT_API_KEY: KEY.apiKey,
      LIVEKIT_API_SECRET: KEY.apiSecret,
      TRUNKLINE_API_KEYS: API_KEY,
      TRUNKLINE_CONFIG: join(import.meta.dirname, '..', 'config', 'lines.yaml'),
      TRUNKLINE_DATA_DIR: dataDir,
      TRUNKLINE_HTTP_PORT: String(servicePort),
      TRUNKLINE_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  await waitFor(async () => (await fetch(`http://127.0.0.1:${servicePort}/healthz`)).ok, {
    timeout: 20_000,
    what: 'the call service to answer',
  });
}

/** Both the service and what is told to it meanwhile are lost, as in an outage of minutes. */
async function whileServiceIsAway(work: () => Promise<void>): Promise<void> {
  const exited = once(service, 'exit');
  service.kill('SIGKILL');
  await exited;
  proxy.faults = { ...FAULTS, dropped: 1 };
  await work();
  await startService();
  proxy.faults = FAULTS;
}

async function calls(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const caller = await callRoom(livekit, callers.length + 1);
    callers.push(caller);
    await caller.answer();
  }
}

const living = () => callers.filter(({ presence }) => presence !== 'gone');

async function hangUp(count: number): Promise<void> {
  await Promise.all(
    living()
      .slice(0, count)
      .map((caller) => caller.hangUp()),
  );
}

/** `sip.callID` of those whom LiveKit has. */
async function inLivekit(): Promise<Set<string | undefined>> {
  const client = new RoomServiceClient(livekit.httpUrl, KEY.apiKey, KEY.apiSecret);
  const rooms = await client.listRooms();
  const people = await Promise.all(rooms.map(({ name }) => client.listParticipants(name)));
  return new Set(people.flat().map(({ attributes }) => attributes['sip.callID']));
}

async function records(): Promise<CallRecord[]> {
  const response = await fetch(`http://127.0.0.1:${servicePort}/v1/calls?limit=200`, {
    headers: { authorization: `Bearer ${API_KEY}` },
  });
  return ((await response.json()) as { data: CallRecord[] }).data;
}

/** What really happened beside what the ledger says of it, in the same words. */
async function expectRight(): Promise<void> {
  const happened = callers.map(({ sipCallId, from, presence }) => {
    const over = presence === 'gone';
    // Who has hung up unseen may or may not have been answered.
    return { legs: [sipCallId], from, state: over ? 'over' : 'connected' };
  });
  const recorded = (await records()).map(({ legs, from, state }) => ({
    legs: legs.map((leg) => leg.sipCallId),
    from,
    state: state === 'ended' || state === 'failed' ? 'over' : state,
  }));
  expect(recorded.toSorted(byCaller)).toEqual(happened.toSorted(byCaller));
}

type From = { readonly from?: string | undefined };
function byCaller(a: From, b: From): number {
  return (a.from ?? '') < (b.from ?? '') ? -1 : 1;
}

async function isRight(): Promise<void> {
  await waitFor(
    async () => {
      await expectRight();
      return true;
    },
    { timeout: RIGHT_WITHIN_MS, interval: 500, what: 'the record to be as LiveKit is' },
  );
}

test(
  '30 % of webhooks lost, the service away meanwhile: the record is right within 60 s',
  {
    timeout: OUTAGE_MS + 3 * RIGHT_WITHIN_MS,
  },
  async () => {
    await calls(CALLS);
    // Of a call that is over before anybody could ask, and whose webhooks were lost, nobody knows.
    await isRight();
    await hangUp(Math.ceil(CALLS / 6));
    await whileServiceIsAway(async () => {
      await hangUp(Math.ceil(CALLS / 6));
      await calls(Math.ceil(CALLS / 6));
      await delay(OUTAGE_MS);
    });
    await hangUp(Math.ceil(CALLS / 6));
    await isRight();
    expect(proxy.counts.dropped).toBeGreaterThan(0);
    expect(living().length).toBeGreaterThan(0);
  },
);

test('LiveKit is started anew: who came back goes on, who did not is over', async () => {
  await livekit.stop();
  livekit = await startLivekit({ ...KEY, webhookUrl: proxy.url, port: livekitPort });
  await waitFor(
    async () => {
      const here = await inLivekit();
      return callers.every(({ sipCallId, presence }) =>
        here.has(sipCallId) ? presence === 'here' : presence === 'gone',
      );
    },
    { timeout: RIGHT_WITHIN_MS, interval: 250, what: 'the callers to be back or gone' },
  );
  const back = living().map(({ from }) => from);
  await waitFor(
    async () =>
      (await records())
        .filter(({ from }) => back.includes(from ?? ''))
        .every(({ legs }) => legs[0] !== undefined && legs[0].participantSids.length > 1),
    { timeout: RIGHT_WITHIN_MS, interval: 500, what: 'their second stays to be known' },
  );
  await isRight();
});

test('when all have hung up, every record is sealed, once per call', async () => {
  await hangUp(callers.length);
  await isRight();
  await waitFor(async () => (await records()).every(({ sealedAt }) => sealedAt !== undefined), {
    timeout: RIGHT_WITHIN_MS,
    interval: 500,
    what: 'the records to be sealed',
  });
});
