import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CallEvent } from '../../calls/events.ts';
import type { Store } from '../../api/store.ts';
import { openSqliteStore } from '../../api/store.ts';
import { TRACES, eventsOf } from '../in/fixtures/histories.ts';
import { deliver } from './deliver.ts';
import { RETRY_AFTER_MS } from './schedule.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

const DAY = 24 * 3_600_000;
const WAIT = { timeout: 20_000, interval: 20 };

interface Payload {
  readonly id: string;
  readonly type: string;
  readonly callId: string;
  readonly sequence: number;
  readonly timestamp: string;
  readonly data: unknown;
}
type Handler = (response: ServerResponse, payload: Payload, request: IncomingMessage) => unknown;

let dir: string;
let ledger: Store;
let now: number;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deliver-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  now = Date.now();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await ledger.close();
  await rm(dir, { recursive: true });
});

/** A real consumer: verifies what arrives as its library does, then answers as told. */
async function consumer(handle: Handler, events: readonly string[] = ['*']) {
  const accepted: Payload[] = [];
  const seen: { readonly id: string; readonly at: number }[] = [];
  let verifier: Webhook | undefined;
  const state = { handle, requests: 0, refused: 0, accepted, seen };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      state.requests += 1;
      const body = Buffer.concat(chunks).toString();
      let payload: Payload;
      try {
        vi.setSystemTime(now);
        payload = verifier?.verify(body, request.headers as Record<string, string>) as Payload;
      } catch {
        state.refused += 1;
        response.writeHead(400).end();
        return;
      } finally {
        vi.useRealTimers();
      }
      seen.push({ id: payload.id, at: now });
      response.on('finish', () => {
        if (response.statusCode === 200) accepted.push(payload);
      });
      state.handle(response, payload, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const endpoint = await ledger.outbox.endpoints.create({
    url: `http://127.0.0.1:${port}/hook`,
    events,
  });
  verifier = new Webhook(endpoint.secret);
  return Object.assign(state, { endpoint, port });
}

function start(options: { readonly timeoutMs?: number } = {}) {
  const dispatcher = new Agent({ pipelining: 1 });
  const deliverer = deliver({
    announcements: ledger,
    dispatcher,
    log: pino({ level: 'silent' }),
    clock: () => new Date(now),
    random: () => 0,
    lookEveryMs: 20,
    ...options,
  });
  closers.push(async () => {
    await deliverer.close();
    await dispatcher.destroy();
  });
  return deliverer;
}

const good: Handler = (response) => response.writeHead(200).end();
const status =
  (code: number, headers = {}): Handler =>
  (response) =>
    response.writeHead(code, headers).end('no');

/** What LiveKit told of several calls. */
const EVENTS: readonly CallEvent[] = TRACES.slice(0, 4).flatMap((trace) => eventsOf(trace));
const record = async () => {
  await ledger.record(EVENTS);
  // Deliveries are due from the moment on that they were made, by the real clock.
  now = Math.max(now, Date.now() + 1_000);
  return (await ledger.publicEvents({ limit: 1_000 })).map(({ id }) => id);
};

/** Nothing is under way to the consumer: all that it was sent has been stored. */
async function settled(one: {
  readonly endpoint: { readonly id: string };
  readonly requests: number;
}): Promise<void> {
  const { deliveries } = ledger.outbox;
  await vi.waitFor(async () => {
    const { data } = await deliveries.list({ limit: 200, endpointId: one.endpoint.id });
    const details = await Promise.all(data.map(({ id }) => deliveries.get(id)));
    expect(details.flatMap((detail) => detail?.log ?? [])).toHaveLength(one.requests);
  }, WAIT);
}

function expectOrder(accepted: readonly Payload[]): void {
  for (const events of Map.groupBy(accepted, ({ callId }) => callId).values()) {
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
  }
}

describe('deliveries', () => {
  test('reach the consumer once, in order per call, verified by its own library', async () => {
    const one = await consumer(good);
    start();
    const ids = await record();
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length), WAIT);
    expect(one.requests).toBe(ids.length);
    expect(one.refused).toBe(0);
    expectOrder(one.accepted);
    const [first] = one.accepted;
    expect(Object.keys(first ?? {})).toEqual([
      'id',
      'type',
      'callId',
      'sequence',
      'timestamp',
      'data',
    ]);
  });

  test('a consumer that was away for a day gets everything, in order', async () => {
    const one = await consumer((response) => response.destroy());
    start();
    const ids = await record();
    const calls = new Set((await ledger.publicEvents({ limit: 999 })).map(({ callId }) => callId));
    const away = now;
    for (const [tries, ms] of RETRY_AFTER_MS.entries()) {
      await vi.waitFor(() => expect(one.requests).toBe((tries + 1) * calls.size), WAIT);
      await settled(one);
      // By the time that this try is due, it is there again.
      if (now + ms - away > DAY) one.handle = good;
      now += ms;
      if (one.handle === good) break;
    }
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length), WAIT);
    expectOrder(one.accepted);
    expect(await ledger.outbox.endpoints.get(one.endpoint.id)).not.toHaveProperty('failingSince');
  });

  test('one success after a long silence brings all waiting calls at once', async () => {
    const one = await consumer(status(500));
    start();
    const ids = await record();
    const calls = new Set((await ledger.publicEvents({ limit: 999 })).map(({ callId }) => callId));
    await vi.waitFor(() => expect(one.requests).toBe(calls.size), WAIT);
    await settled(one);
    now += 6_000;
    await vi.waitFor(() => expect(one.requests).toBe(2 * calls.size), WAIT);
    await settled(one);
    // Their third tries are due a second later; something new comes sooner.
    now += 299_000;
    expect(one.requests).toBe(2 * calls.size);
    one.handle = good;
    await ledger.outbox.endpoints.test(one.endpoint.id);
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length + 1), WAIT);
    expectOrder(one.accepted.filter(({ callId }) => callId !== null));
  });

  test('bad consumers slow no other', async () => {
    await consumer(() => undefined);
    await consumer((response) => response.destroy());
    await consumer(status(500));
    await consumer((response) => {
      // A body without an end.
      response.writeHead(500);
      const timer = setInterval(() => response.write('x'.repeat(10_000)), 5);
      response.on('close', () => clearInterval(timer));
    });
    const one = await consumer(good);
    start({ timeoutMs: 1_000 });
    const ids = await record();
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length), WAIT);
    expectOrder(one.accepted);
  });

  test('an answer that takes too long is none, and is tried again', async () => {
    const one = await consumer(() => undefined, ['call.initiated']);
    start({ timeoutMs: 200 });
    await record();
    await vi.waitFor(() => expect(one.requests).toBe(4), WAIT);
    await settled(one);
    const { deliveries } = ledger.outbox;
    const [{ id } = { id: '' }] = (await deliveries.list({ limit: 1 })).data;
    expect((await deliveries.get(id))?.log).toMatchObject([{ error: 'timeout' }]);
    one.handle = good;
    now += 5_000;
    await vi.waitFor(() => expect(one.accepted).toHaveLength(4), WAIT);
  });

  test('the schedule is kept, then the event is dead and the next one has its turn', async () => {
    const one = await consumer(status(500), ['call.initiated', 'call.ringing']);
    start();
    now = Math.max(now, Date.now() + 1_000);
    await ledger.record(eventsOf('inbound-novofon-caller-bye'));
    const begun = now;
    const [first = { id: '' }] = await ledger.publicEvents({ limit: 1 });
    for (const [tries, seconds] of [
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ].entries()) {
      await vi.waitFor(() => expect(one.requests).toBe(tries + 1), WAIT);
      await settled(one);
      now += seconds * 1_000;
    }
    await vi.waitFor(() => expect(one.requests).toBe(11), WAIT);
    expect(one.seen.slice(0, 10).every(({ id }) => id === first.id)).toBe(true);
    expect(one.seen[10]?.id).not.toBe(first.id);
    expect(Math.round(((one.seen[9]?.at ?? 0) - begun) / 1_000)).toBe(272_105);
    const { data } = await ledger.outbox.deliveries.list({ limit: 9, state: 'dead' });
    expect(data).toMatchObject([{ eventId: first.id, attempts: 10 }]);
    await settled(one);
    one.handle = good;
    await ledger.outbox.deliveries.retry(data[0]?.id ?? '');
    await vi.waitFor(() => expect(one.accepted.map(({ id }) => id)).toContain(first.id), WAIT);
  });

  test('429 with Retry-After holds the endpoint until then', async () => {
    const one = await consumer(status(429, { 'retry-after': '30' }));
    start();
    const ids = await record();
    await vi.waitFor(() => expect(one.requests).toBeGreaterThan(0), WAIT);
    await settled(one);
    const before = one.requests;
    one.handle = good;
    now += 29_000;
    await ledger.outbox.endpoints.test(one.endpoint.id);
    expect(one.requests).toBe(before);
    now += 2_000;
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length + 1), WAIT);
    expectOrder(one.accepted.filter(({ callId }) => callId !== null));
  });

  test('what was under way does not end a pause that was asked for meanwhile', async () => {
    let answerFirst: (() => unknown) | undefined;
    const one = await consumer((response, payload, request) => {
      if (answerFirst === undefined) answerFirst = () => good(response, payload, request);
      else status(429, { 'retry-after': '30' })(response, payload, request);
    });
    start();
    const ids = await record();
    // One of each call: the first is held, the others have asked for a pause.
    await vi.waitFor(() => expect(one.requests).toBe(4), WAIT);
    const stored = async (state: 'delivered' | 'pending') => {
      const { data } = await ledger.outbox.deliveries.list({ limit: 200, state });
      return Promise.all(data.map(({ id }) => ledger.outbox.deliveries.get(id)));
    };
    await vi.waitFor(async () => {
      expect((await stored('pending')).filter((one) => one?.log.length === 1)).toHaveLength(3);
    }, WAIT);
    answerFirst?.();
    await vi.waitFor(async () => expect(await stored('delivered')).toHaveLength(1), WAIT);
    await ledger.outbox.endpoints.test(one.endpoint.id);
    await settled(one);
    expect(one.requests).toBe(4);
    one.handle = good;
    now += 31_000;
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length + 1), WAIT);
  });

  test('410 disables the endpoint; enabled again, it is told the rest', async () => {
    const one = await consumer(status(410), ['call.*']);
    const watcher = await consumer(good, ['endpoint.disabled']);
    start();
    const ids = (await record()).length;
    await vi.waitFor(() => expect(watcher.accepted).toHaveLength(1), WAIT);
    expect(watcher.accepted[0]?.data).toMatchObject({
      endpointId: one.endpoint.id,
      reason: 'gone',
      lastStatus: 410,
    });
    await settled(one);
    one.handle = good;
    await ledger.outbox.endpoints.change(one.endpoint.id, { disabled: false });
    const dead = (await ledger.outbox.deliveries.list({ limit: 99, state: 'dead' })).data;
    for (const { id } of dead) await ledger.outbox.deliveries.retry(id);
    await vi.waitFor(async () => {
      const { data } = await ledger.outbox.deliveries.list({ limit: 99, state: 'pending' });
      expect(data).toEqual([]);
    }, WAIT);
    expect(new Set(one.accepted.map(({ id }) => id)).size).toBe(one.accepted.length);
    expect(one.accepted.length).toBeLessThan(ids);
    expect(one.accepted.every(({ type }) => type.startsWith('call.'))).toBe(true);
  });

  test('redirects are not followed', async () => {
    const target = await consumer(good, ['room.finished']);
    const one = await consumer(status(307, { location: `http://127.0.0.1:${target.port}/` }), [
      'call.initiated',
    ]);
    start();
    await record();
    await vi.waitFor(() => expect(one.requests).toBe(4), WAIT);
    expect(target.refused).toBe(0);
  });

  test('a second sender goes on where the first one was when it vanished', async () => {
    const unanswered: ServerResponse[] = [];
    const one = await consumer((response) => unanswered.push(response));
    start();
    const ids = await record();
    const { data: calls } = await ledger.calls({ limit: 100 });
    await vi.waitFor(() => expect(unanswered).toHaveLength(calls.length), WAIT);
    one.handle = good;
    // The first one never hears an answer; its leases run out.
    now += 61_000;
    start();
    await vi.waitFor(() => expect(one.accepted).toHaveLength(ids.length), WAIT);
    expectOrder(one.accepted);
    for (const response of unanswered) response.destroy();
  });
});
