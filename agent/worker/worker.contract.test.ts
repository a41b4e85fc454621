import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentDispatchClient, RoomServiceClient } from 'livekit-server-sdk';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Correlation, ReportBody } from '../../calls/reports.ts';
import { loadConfig } from '../../config/load-config.ts';
import { fullDisk } from '../../test/harness/full-disk.ts';
import { startLivekit } from '../../test/harness/start-livekit.ts';
import type { TestLivekit } from '../../test/harness/start-livekit.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { AgentWorker } from './worker.ts';

const AGENT = 'test-desk';
const LINES = fileURLToPath(new URL('../../config/lines.yaml', import.meta.url));

let livekit: TestLivekit;
let rooms: RoomServiceClient;
let dispatches: AgentDispatchClient;
let folder: string;
let servicePort: string;
let roomCount = 0;
const toClose: (() => unknown)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-worker-'));
  servicePort = await listen(service);
  livekit = await startLivekit();
  const { httpUrl, apiKey, apiSecret } = livekit;
  rooms = new RoomServiceClient(httpUrl, apiKey, apiSecret);
  dispatches = new AgentDispatchClient(httpUrl, apiKey, apiSecret);
});
afterEach(async () => {
  for (const { name } of await rooms.listRooms()) await rooms.deleteRoom(name);
  for (const close of toClose.splice(0)) await close();
});
afterAll(async () => {
  await livekit.stop();
  service.close();
  service.closeAllConnections();
  rmSync(folder, { recursive: true, maxRetries: 3 });
});

/** Takes reports, as the call service does, and is no provider. */
const service = createServer((_request, response) => response.writeHead(204).end());

/** On any free port, which it resolves to. */
async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return String((server.address() as AddressInfo).port);
}

async function freePort(): Promise<string> {
  const server = createServer();
  const port = await listen(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** Settings of a worker with room for two calls; no provider is there, and none is needed. */
function environment(dataDir = mkdtempSync(join(folder, 'data-'))) {
  return {
    LIVEKIT_URL: livekit.url,
    LIVEKIT_API_KEY: livekit.apiKey,
    LIVEKIT_API_SECRET: livekit.apiSecret,
    TRUNKLINE_AGENT_NAME: AGENT,
    TRUNKLINE_CONFIG: LINES,
    TRUNKLINE_DATA_DIR: dataDir,
    TRUNKLINE_API_URL: `http://127.0.0.1:${servicePort}`,
    TRUNKLINE_REHEARSAL_PORT: servicePort,
    TRUNKLINE_AGENT_HOSTS: '1',
    TRUNKLINE_MAX_CALLS: '2',
    TRUNKLINE_LOG_LEVEL: 'fatal',
  };
}

/** A worker in this process, and what it reports. */
function openWorker(dataDir?: string) {
  const config = loadConfig({ env: environment(dataDir), cwd: folder });
  const reports: (Correlation & ReportBody)[] = [];
  const reporter = {
    report: (call: Correlation, body: ReportBody) => void reports.push({ ...call, ...body }),
    adopt: () => undefined,
    flush: async () => undefined,
    close: async () => undefined,
  };
  const log = pino({ level: 'silent' });
  const before = new Set(children());
  const worker = new AgentWorker({ config, reporter, log, sdkVersion: '1.9.0' });
  worker.start();
  toClose.push(() => worker.drain());
  return { worker, reports, hosts: () => children().filter((pid) => !before.has(pid)) };
}

/** As `openWorker`, ready for calls. */
async function startWorker(dataDir?: string) {
  const opened = openWorker(dataDir);
  await isReady(opened.worker);
  return opened;
}

async function isReady(worker: AgentWorker): Promise<void> {
  await waitFor(() => worker.ready && worker.free > 0, { timeout: 30_000, what: 'the worker' });
}

/** Processes that this one has started. */
function children(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' ').map(Number),
  );
}

/** Sends the agent into a new room. */
async function dispatch(): Promise<string> {
  const room = `call-${roomCount++}`;
  await dispatches.createDispatch(room, AGENT);
  return room;
}

/** Resolves once the agent is in the room with its voice. */
async function dispatchAndWait(): Promise<string> {
  const room = await dispatch();
  await waitFor(async () => (await rooms.listParticipants(room))[0]?.tracks.length === 1, {
    timeout: 20_000,
    what: 'the agent in its room',
  });
  return room;
}

/** How often LiveKit has found nobody for a room, as its log says. */
function refusals(): number {
  const lines = livekit.log().split('\n');
  return lines.filter(
    (line) => line.includes('failed to send job request') && line.includes(`"${AGENT}"`),
  ).length;
}

/** Dispatches, and resolves once LiveKit has found that nobody takes the room. */
async function expectNoAgent(): Promise<void> {
  const before = refusals();
  const room = await dispatch();
  await waitFor(() => refusals() > before, { what: 'LiveKit to find nobody' });
  expect(await rooms.listParticipants(room)).toEqual([]);
}

test('registers under its name, and is dispatched by it', async () => {
  const { worker } = await startWorker();
  const room = await dispatchAndWait();
  const [agent] = await rooms.listParticipants(room);
  expect(agent?.identity).toMatch(/^agent-AJ_/);
  expect(agent?.attributes).toMatchObject({ 'lk.agent.name': AGENT });
  expect(worker.activeJobs).toBe(1);

  await rooms.deleteRoom(room);
  await waitFor(() => worker.activeJobs === 0);
});

test('is full with as many calls as it may take, and takes another when one ends', async () => {
  const { worker } = await startWorker();
  const first = await dispatchAndWait();
  await dispatchAndWait();
  expect(worker.free).toBe(0);
  await expectNoAgent();

  await rooms.deleteRoom(first);
  await isReady(worker);
  await dispatchAndWait();
});

test('a full disk costs no call and no room for one', async () => {
  const { dir } = fullDisk();
  const { worker } = await startWorker(dir);
  for (let calls = 0; calls < 3; calls++) {
    const room = await dispatchAndWait();
    await rooms.deleteRoom(room);
    await waitFor(() => worker.activeJobs === 0 && worker.free === 2);
  }
});

test('nor does a data folder that is removed while it runs', async () => {
  const dataDir = mkdtempSync(join(folder, 'data-'));
  const { worker } = await startWorker(dataDir);
  const room = await dispatchAndWait();
  rmSync(dataDir, { recursive: true });
  writeFileSync(dataDir, 'a file in its place');
  await rooms.deleteRoom(room);
  await waitFor(() => worker.activeJobs === 0 && worker.free === 2);
  await rooms.deleteRoom(await dispatchAndWait());
  await waitFor(() => worker.activeJobs === 0 && worker.free === 2);
});

test('a host that is killed is replaced, and its calls are reported as lost', async () => {
  const { worker, reports, hosts } = await startWorker();
  const room = await dispatchAndWait();
  const [host] = hosts();
  process.kill(host as number, 'SIGKILL');
  await waitFor(() => reports.length > 0);
  expect(reports).toMatchObject([
    {
      roomName: room,
      jobId: expect.stringMatching(/^AJ_/),
      workerId: expect.stringMatching(/^AW_/),
      type: 'agent.ended',
      data: { endedBy: 'system', endReason: 'agent_lost' },
    },
  ]);
  await isReady(worker);
  expect(hosts()).not.toContain(host);
  await dispatchAndWait();
  expect(reports).toHaveLength(1);
});

test('a host that hangs is killed and replaced, and its calls are reported as lost', async () => {
  const { worker, reports, hosts } = await startWorker();
  const room = await dispatchAndWait();
  const [host] = hosts();
  process.kill(host as number, 'SIGSTOP');
  await waitFor(() => reports.length > 0, { timeout: 20_000 });
  expect(reports).toMatchObject([
    {
      roomName: room,
      type: 'agent.ended',
      data: { endedBy: 'system', endReason: 'agent_lost', detail: 'its process hung' },
    },
  ]);
  await isReady(worker);
  expect(hosts()).not.toContain(host);
  await dispatchAndWait();
  expect(reports).toHaveLength(1);
});

test('a host that hangs does not keep its worker from ending', async () => {
  const { worker, reports, hosts } = await startWorker();
  await dispatchAndWait();
  const drained = worker.drain();
  process.kill(hosts()[0] as number, 'SIGSTOP');
  await drained;
  expect(reports).toMatchObject([{ type: 'agent.ended', data: { detail: 'its process hung' } }]);
});

test.each([
  ['its program is not there', 'execPath', '/nowhere/node'],
  ['the system refuses it at once', 'env', { ...process.env, X: 'x'.repeat(200_000) }],
] as const)('a host that cannot be started is tried again: %s', async (_why, property, value) => {
  const original = Object.getOwnPropertyDescriptor(process, property) as PropertyDescriptor;
  Object.defineProperty(process, property, { ...original, value });
  onTestFinished(() => void Object.defineProperty(process, property, original));
  const { worker } = openWorker();
  await waitFor(() => worker.registered && worker.hosts.failedStarts >= 3);
  expect(worker.hosts).toMatchObject({ wanted: 1, ready: 0 });
  expect([worker.ready, worker.free]).toEqual([false, 0]);

  Object.defineProperty(process, property, original);
  await isReady(worker);
  expect(worker.hosts).toEqual({ wanted: 1, ready: 1, failedStarts: 0 });
  await dispatchAndWait();
});

test('is there again after livekit-server was started anew', async () => {
  const { worker } = await startWorker();
  const { apiKey, apiSecret, url } = livekit;
  await livekit.stop();
  await waitFor(() => !worker.registered);
  livekit = await startLivekit({ apiKey, apiSecret, port: Number(new URL(url).port) });
  await isReady(worker);
  await dispatchAndWait();
});

test('SIGTERM: no more calls, and the end when the running one is over', async () => {
  const env = { ...environment(), TRUNKLINE_WORKER_PORT: await freePort() };
  const child = spawn(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url))], {
    cwd: folder,
    env: { ...env, PATH: process.env['PATH'] },
    stdio: 'ignore',
  });
  toClose.push(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const health = async () =>
    fetch(`http://127.0.0.1:${env.TRUNKLINE_WORKER_PORT}/readyz`, {
      signal: AbortSignal.timeout(2_000),
    });
  await waitFor(async () => (await health()).ok, { timeout: 30_000, what: 'the worker process' });
  const room = await dispatchAndWait();

  child.kill('SIGTERM');
  await waitFor(
    async () => ((await (await health()).json()) as { freeCalls: number }).freeCalls === 0,
  );
  expect((await health()).status).toBe(503);
  await expectNoAgent();
  expect(await rooms.listParticipants(room)).toHaveLength(1);

  await rooms.deleteRoom(room);
  expect(await exited).toEqual([0, null]);
});
