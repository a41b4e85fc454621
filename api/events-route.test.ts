import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import type { CallEvent } from '../calls/events.ts';
import type { Store } from './store.ts';
import { openSqliteStore } from './store.ts';
import { KEY, startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });
/** RFC 9112 §7.1 */
const LAST_CHUNK = '\r\n0\r\n\r\n';
const BIG_CALLS = 30;
const WAIT = { timeout: 10_000, interval: 20 };

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).toReversed()) await close();
});

async function start(...options: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...options);
  cleanUp.push(() => app.close());
  return app;
}

/** An HTTP client that reads what it is told to, and no more. */
async function listen(app: TestApp, query = '', headers: Record<string, string> = {}) {
  const { port } = new URL(app.url);
  const socket = connect(Number(port), '127.0.0.1');
  cleanUp.push(() => socket.destroy());
  socket.on('error', () => undefined);
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  const lines = Object.entries({ authorization: `Bearer ${KEY}`, ...headers });
  socket.write(
    `GET /v1/events${query} HTTP/1.1\r\nHost: x\r\n${lines
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  await vi.waitFor(() => expect(text).toContain('\r\n\r\n'), WAIT);
  const field = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].map(([, value = '']) => value);
  return {
    socket,
    text: () => text,
    types: () => field('event'),
    ids: () => field('id'),
    data: () => field('data').map((json) => JSON.parse(json) as Record<string, unknown>),
  };
}

function joined(name: string, line = 'main', identity = 'sip_x'): CallEvent {
  const at = '2026-11-20T10:00:00.000Z';
  return {
    id: `E_${name}`,
    source: 'webhook',
    at,
    correlation: { sipCallId: `SCL_${name}`, participantSid: `PA_${name}`, roomSid: `RM_${name}` },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity,
      joinedAt: at,
      sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'ringing', line },
    },
  };
}

const said = (name: string, index: number, text: string): CallEvent => ({
  id: `T_${name}_${index}`,
  source: 'worker',
  at: new Date(Date.parse('2026-11-20T10:00:01.000Z') + index).toISOString(),
  correlation: { sipCallId: `SCL_${name}`, jobId: `AJ_${name}` },
  type: 'turn',
  data: { index, who: 'caller', text },
});

test('tells what happens, from now on', async () => {
  const app = await start();
  await app.ledger.record([joined('before')]);
  const client = await listen(app);
  expect(client.text()).toMatch(/^HTTP\/1.1 200/);
  expect(client.text()).toContain('content-type: text/event-stream');
  await vi.waitFor(() => expect(client.text()).toContain('retry: '), WAIT);
  await app.ledger.record([joined('a')]);
  await vi.waitFor(() => expect(client.types()).toContain('participant.joined'), WAIT);
  expect(client.types()[0]).toBe('call.initiated');
  const [first] = client.data();
  expect(first).toMatchObject({ type: 'call.initiated', sequence: 1, data: { call: {} } });
  expect(first).not.toHaveProperty('position');
});

test('filters by type, call and line', async () => {
  const app = await start();
  const byType = await listen(app, '?types=call.*');
  const byLine = await listen(app, '?line=night&types=call.initiated');
  await app.ledger.record([joined('a', 'day'), joined('b', 'night')]);
  const { data } = await app.ledger.calls({ limit: 10 });
  const night = data.find(({ line }) => line === 'night')?.id;
  await vi.waitFor(() => expect(byLine.data().map(({ callId }) => callId)).toEqual([night]), WAIT);
  await vi.waitFor(() => expect(byType.types().length).toBeGreaterThanOrEqual(4), WAIT);
  expect(byType.types().filter((type) => !type.startsWith('call.'))).toEqual([]);
  const byCall = await listen(app, `?after=0&callId=${night}`);
  await vi.waitFor(() => expect(byCall.data().length).toBeGreaterThan(1), WAIT);
  expect(new Set(byCall.data().map(({ callId }) => callId))).toEqual(new Set([night]));
});

test('a type that no event has is refused, with those that there are', async () => {
  const app = await start();
  const response = await app.request('/v1/events?types=call.ended,call.finished');
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    errors: [{ message: expect.stringMatching(/"call.finished": there are call.initiated, /) }],
  });
});

test('Last-Event-ID goes on where another call service left off, whoever wrote', async () => {
  const first = await start();
  const second = await openSqliteStore(first.databaseFile);
  cleanUp.push(() => second.close());
  await first.ledger.record(['a', 'b'].map((name) => joined(name)));
  const before = await listen(first, '?after=0&types=call.initiated');
  await vi.waitFor(() => expect(before.ids()).toHaveLength(3), WAIT);
  const other = await start({ ledger: second });
  await first.ledger.record(['c', 'd'].map((name) => joined(name)));
  const last = before.ids()[1] ?? '';
  const after = await listen(other, '?types=call.initiated', { 'last-event-id': last });
  await vi.waitFor(() => expect(after.data()).toHaveLength(3), WAIT);
  // What the other service writes is found although nobody tells this one.
  await first.ledger.record([joined('e')]);
  await vi.waitFor(() => expect(after.data()).toHaveLength(4), WAIT);
  const all = [before.data()[0], ...after.data()].map((event) => event?.['id']);
  expect(new Set(all).size).toBe(5);
});

test('what was erased is told by no service any more, whoever erased it and listens', async () => {
  const first = await start();
  const second = await openSqliteStore(first.databaseFile);
  cleanUp.push(() => second.close());
  const other = await start({ ledger: second });
  const services = [first, other];
  const listening = await Promise.all(services.map((app) => listen(app)));
  const caller = joined('a');
  const sip = { ...(caller.data as { sip: object }).sip, from: '+493012340' };
  await first.ledger.record([
    { ...caller, data: { ...caller.data, sip } } as CallEvent,
    said('a', 0, 'My name is Anna.'),
  ]);
  for (const client of listening) {
    await vi.waitFor(() => expect(client.text()).toMatch(/493012340.*Anna/s), WAIT);
  }
  const json = { number: '+493012340' };
  expect((await first.request('/v1/erasures', { method: 'POST', json })).status).toBe(200);
  for (const app of services) {
    const resumed = await listen(app, '', { 'last-event-id': '0' });
    await vi.waitFor(() => expect(resumed.types()).toContain('call.turn'), WAIT);
    expect(resumed.text()).toContain('"from":"erased"');
    expect(resumed.text()).not.toMatch(/493012340|Anna/);
  }
});

test('a position that is none is refused; one that was never reached is the end', async () => {
  const app = await start();
  expect((await app.request('/v1/events?after=soon')).status).toBe(400);
  await app.ledger.record([joined('a')]);
  const client = await listen(app, '', { 'last-event-id': '999999' });
  await app.ledger.record([joined('b')]);
  await vi.waitFor(() => expect(client.types()).toContain('call.initiated'), WAIT);
});

test('a heartbeat moves the position past what the filter left out, and ends a withdrawn key', async () => {
  const app = await start({ streamLimits: { heartbeatMs: 50 } });
  const { key, id } = (await (
    await app.request('/v1/keys', { method: 'POST', json: { name: 'x', scope: 'read' } })
  ).json()) as { key: string; id: string };
  const client = await listen(app, '?types=endpoint.*', { authorization: `Bearer ${key}` });
  await app.ledger.record([joined('a')]);
  const last = String(await app.ledger.lastPublicPosition());
  await vi.waitFor(() => expect(client.ids().at(-1)).toBe(last), WAIT);
  expect(client.types()).toEqual([]);
  expect(client.text()).not.toContain(LAST_CHUNK);
  await app.request(`/v1/keys/${id}`, { method: 'DELETE' });
  await vi.waitFor(() => expect(client.text()).toContain(LAST_CHUNK), WAIT);
});

test('a client that does not read is dropped, and the others hear everything', async () => {
  const app = await start({ streamLimits: { stallMs: 200, heartbeatMs: 100 } });
  const slow = await listen(app);
  const quick = await listen(app, '?types=call.initiated');
  slow.socket.pause();
  // More than the kernel's buffers of both ends take: 15 MB, in calls of some size.
  const text = 'x'.repeat(100_000);
  for (let n = 0; n < BIG_CALLS; n += 1) {
    const name = `big${n}`;
    await app.ledger.record([joined(name), ...[0, 1, 2, 3, 4].map((i) => said(name, i, text))]);
  }
  await vi.waitFor(() => expect(quick.types()).toHaveLength(BIG_CALLS), WAIT);
  await vi.waitFor(async () => {
    expect(await (await fetch(`${app.url}/metrics`)).text()).toContain('trunkline_sse_clients 1');
  }, WAIT);
  expect(slow.text().length).toBeLessThan(15_000_000);
  await closed(slow.socket);
});

test('the stream ends when the service does', async () => {
  const app = await startTestApp();
  const client = await listen(app);
  const ended = once(client.socket, 'end');
  await app.close();
  await ended;
});

test('when the log cannot be read the client hears of it', async () => {
  const broken = {
    lastPublicPosition: () => Promise.reject(new Error('away')),
  } as Partial<Store>;
  const whole = await start();
  const app = await start({ ledger: { ...whole.ledger, ...broken } });
  expect((await app.request('/v1/events')).status).toBe(500);
});

async function closed(socket: Socket): Promise<void> {
  const ended = once(socket, 'close');
  socket.resume();
  await ended;
}
