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
    },
    { guard: createProcessGuard(), onEvent: (event) => events.push(event) },
  );
  return { supervised: probe, events };
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
  const lines = () => events.flatMap((event) => (event.type === 'line' ? [event.line] : []));
  const grandchild = Number(
    lines()
      .join('\n')
      .match(/grandchild (\d+)/)?.[1],
  );
  expect(() => process.kill(grandchild, 0)).not.toThrow();

  await supervised.stop(10_000);
  expect(lines()).toContain('done');
  expect(supervised.state).toBe('stopped');
  expect(supervised.restarts).toBe(0);
  await waitFor(() => !isRunning(grandchild));
});

test('a process that does not heed SIGTERM is killed after the grace', async () => {
  const { supervised } = await start(`${SERVE}process.on('SIGTERM', () => {});`);
  await supervised.firstReady;
  const pid = supervised.pid ?? 0;
  await supervised.stop(200);
  expect(isRunning(pid)).toBe(false);
});
