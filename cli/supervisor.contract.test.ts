import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isRunning } from '../test/harness/is-running.ts';
import { waitFor } from '../test/harness/wait-for.ts';
import { findFreePorts } from './free-ports.ts';
import { createProcessGuard } from './process-guard.ts';
import { StartError, supervise } from './supervisor.ts';
import type { Supervised, SupervisorEvent } from './supervisor.ts';

const SERVE = `
  const server = require('node:http').createServer((_, response) => response.end('ok'));
  server.listen(Number(process.env.PORT), '127.0.0.1');
  console.log('serving');
`;

let folder: string;
let probe: Supervised | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-supervisor-'));
});
afterEach(async () => {
  await probe?.stop(0);
  probe = undefined;
  rmSync(folder, { recursive: true });
});

async function start(script: string) {
  const port = await findFreePorts(1);
  const events: SupervisorEvent[] = [];
  probe = supervise(
    {
      name: 'probe',
      command: process.execPath,
      args: ['-e', script],
      env: { ...process.env, PORT: String(port) },
      cwd: folder,
      logFile: join(folder, 'logs', 'probe.log'),
      readyUrl: `http://127.0.0.1:${port}/`,
      aliveUrl: `http://127.0.0.1:${port}/`,
      silentMs: 1_000,
    },
    { guard: createProcessGuard(), onEvent: (event) => events.push(event) },
  );
  return { supervised: probe, events };
}

function linesOf(events: readonly SupervisorEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'line' ? [event.line] : []));
}

function grandchildOf(events: readonly SupervisorEvent[]): number {
  return Number(/grandchild (\d+)/.exec(linesOf(events).join('\n'))?.[1]);
}

test('a process that is killed is started again and becomes ready again', async () => {
  const { supervised, events } = await start(SERVE);
  await supervised.firstReady;
  const first = supervised.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await waitFor(() => supervised.restarts === 1 && supervised.state === 'ready');
  expect(supervised.pid).not.toBe(first);
  expect(events.find(({ type }) => type === 'died')).toMatchObject({
    how: 'SIGKILL',
    retryInMs: 250,
  });
  expect(readFileSync(join(folder, 'logs', 'probe.log'), 'utf8')).toContain('serving');
});

test.each([
  ['is stopped', (pid: number) => process.kill(pid, 'SIGSTOP')],
  ['has its event loop blocked', (pid: number) => process.kill(pid, 'SIGUSR2')],
])(
  'a process that %s is killed and started again, and those in its group go on',
  async (_what, hang) => {
    const { supervised, events } = await start(`
    ${SERVE}
    process.on('SIGUSR2', () => { for (;;); });
    console.log('grandchild', require('node:child_process').spawn('sleep', ['60']).pid);
  `);
    await supervised.firstReady;
    const grandchild = await waitFor(() => grandchildOf(events));
    hang(supervised.pid ?? 0);
    await waitFor(() => supervised.restarts === 1 && supervised.state === 'ready');
    expect(events.find(({ type }) => type === 'died')).toMatchObject({
      how: 'answered nothing for 1 s',
    });
    expect(isRunning(grandchild)).toBe(true);
  },
);

test('a process that answers that it is not ready any more is left alone', async () => {
  const { supervised, events } = await start(`
    let asked = 0;
    require('node:http').createServer((_, response) => {
      response.statusCode = asked++ === 0 ? 200 : 503;
      console.log('asked', asked);
      response.end();
    }).listen(Number(process.env.PORT), '127.0.0.1');
  `);
  await supervised.firstReady;
  await waitFor(() => events.some((event) => event.type === 'line' && event.line === 'asked 15'));
  expect(supervised).toMatchObject({ restarts: 0, state: 'ready' });
});

test('each death in a row waits longer', async () => {
  const { supervised, events } = await start(`${SERVE}setTimeout(() => process.exit(3), 200);`);
  await supervised.firstReady;
  await waitFor(() => supervised.restarts >= 3, { timeout: 15_000 });
  const deaths = events.filter((event) => event.type === 'died');
  expect(deaths.slice(0, 3)).toMatchObject([
    { how: 'exit code 3', retryInMs: 250 },
    { retryInMs: 500 },
    { retryInMs: 1000 },
  ]);
});

test('a process that cannot start is given up, with its last words', async () => {
  const { supervised } = await start(`console.error('no such luck'); process.exit(1);`);
  const error: unknown = await supervised.firstReady.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).lines).toContain('no such luck');
  expect((error as StartError).message).toBe('probe did not start: exit code 1');
});

test('stop lets it finish its work; what it left behind in its group ends too', async () => {
  const { supervised, events } = await start(`
    ${SERVE}
    const { spawn } = require('node:child_process');
    console.log('grandchild', spawn('sleep', ['60']).pid);
    process.on('SIGTERM', () => setTimeout(() => { console.log('done'); process.exit(0); }, 300));
  `);
  await supervised.firstReady;
  const grandchild = grandchildOf(events);
  expect(isRunning(grandchild)).toBe(true);

  await supervised.stop(10_000);
  expect(linesOf(events)).toContain('done');
  expect(supervised.state).toBe('stopped');
  expect(supervised.restarts).toBe(0);
  await waitFor(() => !isRunning(grandchild));
});

test('a second signal reaches a process that takes its time to stop', async () => {
  const { supervised, events } = await start(`
    ${SERVE}
    let signals = 0;
    process.on('SIGTERM', () => { console.log('asked to stop'); if (++signals === 2) process.exit(0); });
  `);
  await supervised.firstReady;
  const stopped = supervised.stop(60_000);
  await waitFor(() => linesOf(events).includes('asked to stop'));
  supervised.hurry();
  await stopped;
  expect(supervised.state).toBe('stopped');
});

test('a process that does not heed SIGTERM is killed after the grace', async () => {
  const { supervised } = await start(`${SERVE}process.on('SIGTERM', () => {});`);
  await supervised.firstReady;
  const pid = supervised.pid ?? 0;
  await supervised.stop(200);
  expect(isRunning(pid)).toBe(false);
});
