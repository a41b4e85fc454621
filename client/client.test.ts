import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { KEY, startTestApp } from '../api/fixtures/test-app.ts';
import type { TestApp } from '../api/fixtures/test-app.ts';
import { callsCommand } from '../cli/calls.ts';
import { endpointsCommand, linesCommand } from '../cli/listings.ts';
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

/** Between client and service: what goes through it can be cut off, and turned away. */
async function startProxy() {
  const sockets = new Set<Socket>();
  const proxy = { url: '', isShut: false, refused: 0, cut };
  const server = createServer((socket) => {
    if (proxy.isShut) {
      proxy.refused += 1;
      socket.destroy();
      return;
    }
    const upstream = connect(Number(new URL(app.url).port), '127.0.0.1');
    sockets.add(socket).add(upstream);
    socket.on('error', () => undefined).pipe(upstream);
    upstream.on('error', () => undefined).pipe(socket);
    socket.on('close', () => upstream.destroy());
    upstream.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  function cut() {
    for (const socket of sockets) socket.destroy();
  }
  onTestFinished(() => {
    server.close();
    cut();
  });
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

async function listeners(count: number): Promise<void> {
  await vi.waitFor(async () => {
    const metrics = await (await fetch(`${app.url}/metrics`)).text();
    expect(metrics).toContain(`trunkline_sse_clients ${count}`);
  });
}

test('the stream goes on where it was when its connection breaks', async () => {
  const proxy = await startProxy();
  const stop = new AbortController();
  const breaks: unknown[] = [];
  const broken = createClient({ url: proxy.url, apiKey: KEY });
  const seen: StreamedEvent[] = [];
  const reading = (async () => {
    const options = { signal: stop.signal, types: ['call.initiated'] };
    const events = broken.events({ ...options, onReconnect: (error) => breaks.push(error) });
    for await (const event of events) seen.push(event);
  })();
  await listeners(1);
  for (let n = 0; n < 20; n += 1) {
    await app.ledger.record([joined(`n${n}`)]);
    if (n % 5 === 4) proxy.cut();
  }
  await vi.waitFor(() => expect(seen).toHaveLength(20), { timeout: 10_000 });
  stop.abort();
  await reading;
  expect(breaks.length).toBeGreaterThan(0);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(20);
  const positions = seen.map(({ position }) => Number(position));
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
});

function terminal() {
  const printed: string[] = [];
  const said: string[] = [];
  const stop = new AbortController();
  const terminalOf = (...args: string[]) => ({
    args: ['--url', app.url, '--key', KEY, ...args],
    env: {},
    cwd: '/nonexistent',
    say: (line: string) => said.push(line),
    print: (line: string) => printed.push(line),
  });
  const run = (args: string[], url = app.url) =>
    callsCommand({ ...terminalOf(...args, '--url', url), signal: stop.signal });
  return { printed, said, stop, run, terminalOf };
}

test('trunkline calls: an empty ledger is said, beside the output', async () => {
  const { printed, said, run } = terminal();
  expect(await run(['--json'])).toBe(0);
  expect(said).toEqual(['No calls yet: `npm run call` makes one.']);
  await app.ledger.record([joined('a')]);
  expect(await run(['--json', '--state', 'ended'])).toBe(0);
  expect(said.at(-1)).toBe('No such call.');
  expect(printed).toEqual([]);
});

test('trunkline lines and endpoints: a line each, and what to do where there is none', async () => {
  const { printed, said, terminalOf } = terminal();
  expect(await linesCommand(terminalOf())).toBe(0);
  expect(await endpointsCommand(terminalOf())).toBe(0);
  expect(said).toEqual([
    expect.stringContaining('lines.yaml'),
    expect.stringContaining('POST /v1/endpoints'),
  ]);
  const desk = { name: 'desk', version: '0123abcd' };
  const lines = [{ name: 'main', numbers: ['+12025550100', '*'], language: 'en', agent: desk }];
  const other = await startTestApp({ config: { lines: lines as never } });
  onTestFinished(() => other.close());
  expect(await linesCommand(terminalOf('--url', other.url))).toBe(0);
  expect(printed).toEqual(['main  en  desk (0123abcd)  +12025550100, *']);
  const endpoint = await client.endpoints.create({
    url: 'https://example.com/hook',
    events: ['call.*'],
  });
  expect(await endpointsCommand(terminalOf())).toBe(0);
  expect(printed.at(-1)).toBe(`${endpoint.id}  on  https://example.com/hook  call.*`);
  await client.endpoints.change(endpoint.id, { disabled: true });
  expect(await endpointsCommand(terminalOf())).toBe(0);
  expect(printed.at(-1)).toMatch(/  off since \S+ \(operator\)  /);
  expect(await endpointsCommand(terminalOf('--json'))).toBe(0);
  expect(JSON.parse(printed.at(-1) ?? '')).toMatchObject({ id: endpoint.id });
  await expect(linesCommand(terminalOf('lst'))).rejects.toThrow('There is no "lst" here.');
});

test('trunkline calls: list, show, watch', async () => {
  const { printed, said, stop, run } = terminal();
  await app.ledger.record([joined('a')]);
  expect(await run([])).toBe(0);
  const [{ id } = { id: '' }] = (await client.calls.list()).data;
  expect(printed).toEqual([expect.stringContaining(id)]);
  expect(await run(['show', id])).toBe(0);
  expect(printed.at(-1)).toContain('participant.joined');
  expect(await run(['show', 'call_0'])).toBe(1);
  expect(said.at(-1)).toBe('There is no such call.');

  const watching = run(['watch', '--json', '--types', 'call.initiated']);
  await listeners(1);
  await app.ledger.record([joined('b')]);
  await vi.waitFor(() => expect(printed.at(-1)).toContain('call.initiated'));
  stop.abort();
  expect(await watching).toBe(0);
});

test('trunkline calls watch: says once that its connection broke, and that it is back', async () => {
  const { said, stop, run } = terminal();
  const proxy = await startProxy();
  const watching = run(['watch'], proxy.url);
  await listeners(1);
  proxy.isShut = true;
  proxy.cut();
  await vi.waitFor(() => expect(proxy.refused).toBeGreaterThan(2), { timeout: 10_000 });
  proxy.isShut = false;
  await vi.waitFor(() => expect(said).toHaveLength(2), { timeout: 10_000 });
  expect(said).toEqual(['the connection broke; trying again', 'the connection is back']);
  stop.abort();
  expect(await watching).toBe(0);
});

test('trunkline calls watch: a type that no event has is refused, with those that there are', async () => {
  const { said, run } = terminal();
  expect(await run(['watch', '--types', 'call.ended,call.finished'])).toBe(1);
  expect(said).toEqual([expect.stringMatching(/"call.finished": there are call.initiated, /)]);
});
