import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KEY, startTestApp } from '../api/fixtures/test-app.ts';
import type { TestApp } from '../api/fixtures/test-app.ts';
import { callsCommand } from '../cli/calls.ts';
import type { CallEvent } from '../calls/events.ts';
import { TrunklineError, createClient } from './index.ts';
import type { StreamedEvent, TrunklineClient } from './index.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let app: TestApp;
let client: TrunklineClient;
beforeEach(async () => {
  app = await startTestApp({ streamLimits: { retryMs: 10 } });
  client = createClient({ url: app.url, apiKey: KEY });
});
afterEach(() => app.close());

/** A caller comes in. */
function joined(name: string): CallEvent {
  const at = '2026-11-20T10:00:00.000Z';
  return {
    id: `E_${name}`,
    source: 'webhook',
    at,
    correlation: { sipCallId: `SCL_${name}`, participantSid: `PA_${name}`, roomSid: `RM_${name}` },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'sip_+74950000001',
      joinedAt: at,
      sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'ringing', line: 'main' },
    },
  };
}

test('lists, pages, and shows calls', async () => {
  await app.ledger.record(['a', 'b', 'c'].map(joined));
  const ids: string[] = [];
  for await (const call of client.calls.all({ limit: 2 })) ids.push(call.id);
  expect(ids).toHaveLength(3);
  expect(ids).toEqual(ids.toSorted().toReversed());
  const detail = await client.calls.get(ids[0] ?? '');
  expect(detail.timeline.map(({ type }) => type)).toEqual(['participant.joined']);
  expect((await client.calls.events(detail.id)).data).toHaveLength(1);
  expect(await client.calls.transcript(detail.id)).toEqual({ callId: detail.id, turns: [] });
});

test('refusals are errors that say why, and whether to try again', async () => {
  const missing = await client.calls.get('call_0').catch((error: unknown) => error);
  expect(missing).toBeInstanceOf(TrunklineError);
  expect(missing).toMatchObject({
    status: 404,
    retryable: false,
    problem: { type: 'urn:trunkline:problem:not-found' },
  });
  const wrong = createClient({ url: app.url, apiKey: 'not-a-key' });
  await expect(wrong.events().next()).rejects.toMatchObject({ status: 401 });
});

test('keys are made, used and withdrawn', async () => {
  const made = await client.keys.create({ name: 'desk', scope: 'read' });
  const reader = createClient({ url: app.url, apiKey: made.key });
  expect((await reader.calls.list()).data).toEqual([]);
  await expect(reader.keys.list()).rejects.toMatchObject({ status: 403 });
  expect((await client.keys.list()).data).toMatchObject([{ id: made.id, name: 'desk' }]);
  await client.keys.delete(made.id);
  await expect(reader.calls.list()).rejects.toMatchObject({ status: 401 });
});

test('the stream goes on where it was when its connection breaks', async () => {
  const sockets = new Set<Socket>();
  const proxy = createServer((socket) => {
    const upstream = connect(Number(new URL(app.url).port), '127.0.0.1');
    sockets.add(socket).add(upstream);
    socket.on('error', () => undefined).pipe(upstream);
    upstream.on('error', () => undefined).pipe(socket);
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  const { port } = proxy.address() as AddressInfo;
  const stop = new AbortController();
  const breaks: unknown[] = [];
  const broken = createClient({ url: `http://127.0.0.1:${port}`, apiKey: KEY });
  const seen: StreamedEvent[] = [];
  const reading = (async () => {
    const options = { signal: stop.signal, types: ['call.initiated'] };
    const events = broken.events({ ...options, onReconnect: (error) => breaks.push(error) });
    for await (const event of events) seen.push(event);
  })();
  await vi.waitFor(async () => {
    expect(await (await fetch(`${app.url}/metrics`)).text()).toContain('trunkline_sse_clients 1');
  });
  for (let n = 0; n < 20; n += 1) {
    await app.ledger.record([joined(`n${n}`)]);
    if (n % 5 === 4) for (const socket of sockets) socket.destroy();
  }
  await vi.waitFor(() => expect(seen).toHaveLength(20), { timeout: 10_000 });
  stop.abort();
  await reading;
  proxy.close();
  for (const socket of sockets) socket.destroy();
  expect(breaks.length).toBeGreaterThan(0);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(20);
  const positions = seen.map(({ position }) => Number(position));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
});

test('trunkline calls: list, show, watch', async () => {
  await app.ledger.record([joined('a')]);
  const printed: string[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const run = (...args: string[]) =>
    callsCommand({
      args: [...args, '--url', app.url, '--key', KEY],
      env: {},
      cwd: '/nonexistent',
      say: (line) => said.push(line),
      print: (line) => printed.push(line),
      signal: stop.signal,
    });
  expect(await run()).toBe(0);
  const [{ id } = { id: '' }] = (await client.calls.list()).data;
  expect(printed).toEqual([expect.stringContaining(id)]);
  expect(await run('show', id)).toBe(0);
  expect(printed.at(-1)).toContain('participant.joined');
  expect(await run('show', 'call_0')).toBe(1);
  expect(said.at(-1)).toBe('There is no such call.');

  const watching = run('watch', '--json', '--types', 'call.initiated');
  await vi.waitFor(async () => {
    expect(await (await fetch(`${app.url}/metrics`)).text()).toContain('trunkline_sse_clients 1');
  });
  await app.ledger.record([joined('b')]);
  await vi.waitFor(() => expect(printed.at(-1)).toContain('call.initiated'));
  stop.abort();
  expect(await watching).toBe(0);
});
