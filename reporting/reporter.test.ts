import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastify } from 'fastify';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { verifyReportToken } from './report-token.ts';
import type { Reporter } from './reporter.ts';
import { createReporter } from './reporter.ts';
import type { Report } from '../calls/reports.ts';
import { Report as ReportSchema } from '../calls/reports.ts';
import { fullDisk } from '../test/harness/full-disk.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const KEY = { apiKey: 'key', apiSecret: 'a-secret-of-some-length-for-tests' };
const silent = pino({ level: 'silent' });

/** A call service of one route, which answers what it is told to. */
async function createReceiver(port = 0) {
  const reports: Report[] = [];
  const batches: number[] = [];
  const state = { status: 202, refuse: (reports: Report[]) => reports.length === 0 };
  const app = fastify();
  app.post<{ Body: { reports: Report[] } }>('/internal/v1/reports', async (request, reply) => {
    await verifyReportToken(KEY, request.headers.authorization?.slice(7) ?? '');
    const { reports: batch } = request.body;
    const status = state.refuse(batch) ? 400 : state.status;
    if (status === 202) {
      reports.push(...batch);
      batches.push(batch.length);
    }
    return reply.status(status).send({});
  });
  const url = await app.listen({ port, host: '127.0.0.1' });
  return {
    url,
    port: Number(new URL(url).port),
    reports,
    batches,
    state,
    close: () => app.close(),
  };
}

let dir: string;
let receiver: Awaited<ReturnType<typeof createReceiver>>;
const reporters: Reporter[] = [];

function open(
  url = receiver.url,
  overrides: { apiSecret?: string; maxSpoolBytes?: number; spoolDir?: string } = {},
) {
  const reporter = createReporter({
    url,
    ...KEY,
    spoolDir: dir,
    ...overrides,
    source: 'worker',
    log: silent,
  });
  reporters.push(reporter);
  return reporter;
}

const digit = (reporter: Reporter, n: number): void =>
  reporter.report({ sipCallId: 'SCL_1' }, { type: 'leg.dtmf', data: { digit: String(n % 10) } });

const digits = (): string =>
  receiver.reports.map((report) => (report.type === 'leg.dtmf' ? report.data.digit : '?')).join('');

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reporter-'));
  receiver = await createReceiver();
});
afterEach(async () => {
  await Promise.all(reporters.splice(0).map((reporter) => reporter.close(0)));
  await receiver.close();
  await rm(dir, { recursive: true });
});

test('reports arrive in order, batched, valid by schema, and leave nothing on disk', async () => {
  const reporter = open();
  for (let n = 0; n < 10; n += 1) digit(reporter, n);
  await reporter.flush();
  expect(digits()).toBe('0123456789');
  expect(receiver.batches).toEqual([10]);
  for (const report of receiver.reports) expect(ReportSchema.parse(report)).toEqual(report);
  await reporter.close();
  expect(await readdir(dir)).toEqual([]);
});

test('a report keeps the time it was given', async () => {
  const reporter = open();
  const at = new Date('2026-11-20T10:00:00.123Z');
  reporter.report({}, { type: 'leg.held', data: {} }, at);
  await reporter.flush();
  expect(receiver.reports[0]?.at).toBe('2026-11-20T10:00:00.123Z');
});

test('while the service is away reports wait on disk, and come once it is back', async () => {
  const { port } = receiver;
  await receiver.close();
  const reporter = open(`http://127.0.0.1:${port}`);
  digit(reporter, 1);
  await reporter.flush(50);
  receiver = await createReceiver(port);
  digit(reporter, 2);
  await vi.waitFor(() => expect(digits()).toBe('12'), { timeout: 10_000 });
});

test('a service that answers 500 gets the same reports again, by the same ids', async () => {
  receiver.state.status = 500;
  const reporter = open();
  digit(reporter, 1);
  await reporter.flush(200);
  receiver.state.status = 202;
  await reporter.flush(10_000);
  expect(digits()).toBe('1');
});

test('one refused report does not take the others with it', async () => {
  receiver.state.refuse = (reports) =>
    reports.some((report) => report.type === 'leg.dtmf' && report.data.digit === '3');
  const reporter = open();
  for (let n = 0; n < 8; n += 1) digit(reporter, n);
  await reporter.flush(10_000);
  expect(digits()).toBe('0124567');
});

test('what a closed reporter left is delivered by the next one', async () => {
  receiver.state.status = 503;
  const first = open();
  digit(first, 1);
  await first.close(10);
  await first.close(10);
  expect(await readdir(dir)).toHaveLength(1);
  receiver.state.status = 202;
  const second = open();
  digit(second, 2);
  await second.flush(10_000);
  expect(digits().split('').sort().join('')).toBe('12');
});

test('the file of a living process is left alone', async () => {
  receiver.state.status = 503;
  const first = open();
  digit(first, 1);
  const second = open();
  digit(second, 2);
  receiver.state.status = 202;
  await Promise.all([first.flush(10_000), second.flush(10_000)]);
  expect(digits().split('').sort().join('')).toBe('12');
});

test('a spool over its bound drops its oldest reports and keeps the newest', async () => {
  receiver.state.status = 503;
  const reporter = open(receiver.url, { maxSpoolBytes: 20_000 });
  for (let n = 0; n < 1_000; n += 1) digit(reporter, n);
  receiver.state.status = 202;
  await reporter.flush(10_000);
  expect(receiver.reports.length).toBeLessThan(200);
  expect(receiver.reports.length).toBeGreaterThan(30);
  expect(digits().endsWith('56789')).toBe(true);
});

test('an empty secret is refused when the reporter is made', () => {
  expect(() => open(receiver.url, { apiSecret: '' })).toThrow('secret is empty');
});

test('a report made right before kill -9 is delivered by the next process', async () => {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'fixtures', 'reporting-process.ts'), dir, 'http://127.0.0.1:9'],
    { stdio: 'pipe' },
  );
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const [file] = await readdir(dir);
  expect((await readFile(join(dir, file ?? ''), 'utf8')).trim().split('\n')).toHaveLength(500);

  const reporter = open();
  await reporter.flush(10_000);
  expect(new Set(receiver.reports.map(({ id }) => id)).size).toBe(500);
  await reporter.close();
  expect(await readdir(dir)).toEqual([]);
});

test('what a process that is gone has left is taken over at once when that is asked for', async () => {
  const reporter = open();
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'fixtures', 'reporting-process.ts'), dir, 'http://127.0.0.1:9'],
    { stdio: 'pipe' },
  );
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  reporter.adopt();
  await reporter.flush(10_000);
  expect(new Set(receiver.reports.map(({ id }) => id)).size).toBe(500);
  await reporter.close();
});

test('a full disk loses no report, whether it was full before or becomes so', async () => {
  const disk = fullDisk();
  receiver.state.status = 503;
  const reporter = open(receiver.url, { spoolDir: join(disk.dir, 'spool') });
  digit(reporter, 0);
  disk.free();
  for (let n = 1; n < 5; n += 1) digit(reporter, n);
  disk.fill();
  for (let n = 5; n < 300; n += 1) digit(reporter, n);
  disk.free();
  digit(reporter, 300);
  receiver.state.status = 202;
  await reporter.flush(10_000);
  expect(new Set(receiver.reports.map(({ id }) => id)).size).toBe(301);
});

test('a spool folder that is removed, or can be none, loses no report', async () => {
  const reporter = open();
  digit(reporter, 1);
  await rm(dir, { recursive: true });
  digit(reporter, 2);
  await reporter.flush();
  expect(digits()).toBe('12');
  await reporter.close();

  const nowhere = open(receiver.url, { spoolDir: '/proc/x/spool' });
  digit(nowhere, 3);
  await nowhere.flush();
  expect(digits()).toBe('123');
  await nowhere.close();
  await mkdir(dir);
});

test('what only memory had is left on disk at the end, where it can be', async () => {
  const disk = fullDisk();
  receiver.state.status = 503;
  const first = open(receiver.url, { spoolDir: disk.dir });
  digit(first, 1);
  disk.free();
  await first.close(10);
  receiver.state.status = 202;
  const second = open(receiver.url, { spoolDir: disk.dir });
  await second.flush(10_000);
  expect(digits()).toBe('1');
});
