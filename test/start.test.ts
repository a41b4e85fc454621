import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findStackPorts, stackPortsEnv } from '../cli/stack-ports.ts';
import type { StackPorts } from '../cli/stack-ports.ts';
import { isRunning } from './harness/is-running.ts';
import { shareVoices } from './harness/start-test-stack.ts';
import { waitFor } from './harness/wait-for.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const READY = /Trunkline is ready/;

let folder: string;
let ports: StackPorts;
let output: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-start-'));
  shareVoices(folder);
  ports = await findStackPorts();
  output = '';
});
afterEach(() => {
  for (const pid of ownProcesses()) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test('npm start shows all that is needed; SIGTERM ends everything', async () => {
  const bootstrap = start();
  await waitFor(() => READY.test(output), { timeout: 60_000 });
  expect(output).toContain(`sip:+73433009243@127.0.0.1:${ports.sip}`);
  expect(output).toContain('npm run call');
  expect(output).toMatch(/rehearsal on this machine/);
  expect(output).toContain(`export LIVEKIT_URL=ws://127.0.0.1:${ports.livekit}`);
  expect(output).toMatch(/export LIVEKIT_API_SECRET=\S{20}/);
  const key = /Bearer (\S+)'/.exec(output)?.[1];
  const calls = await fetch(`http://127.0.0.1:${ports.http}/v1/calls`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(await calls.json()).toEqual({ data: [], nextCursor: null });
  // The bootstrap, the supervisor, its guard, five services and the hosts of conversations.
  expect(ownProcesses().length).toBeGreaterThan(8);

  bootstrap.kill('SIGTERM');
  expect(await once(bootstrap, 'exit')).toEqual([0, null]);
  await waitFor(() => ownProcesses().length === 0, { timeout: 15_000 });
});

test.each(['the bootstrap', 'the supervisor'])(
  'kill -9 of %s leaves nothing behind',
  async (who) => {
    const bootstrap = start();
    await waitFor(() => READY.test(output), { timeout: 60_000 });
    const supervisor = ownProcesses().find((pid) => commandOf(pid).includes('cli/main.ts')) ?? 0;
    process.kill(who === 'the bootstrap' ? (bootstrap.pid ?? 0) : supervisor, 'SIGKILL');
    await waitFor(() => ownProcesses().length === 0, { timeout: 30_000 });
  },
);

test('a taken port is said in one sentence, and nothing is started', async () => {
  const other = createServer().listen(ports.http, '127.0.0.1');
  await once(other, 'listening');
  const [code] = (await once(start(), 'exit')) as [number];
  other.close();
  expect(code).toBe(1);
  expect(output).toContain(
    `TCP port ${ports.http} of 127.0.0.1 (the call service) is taken: is Trunkline running already?`,
  );
  expect(readdirSync(folder)).not.toContain('logs');
});

test('every problem of the configuration is said at once', async () => {
  const [code] = (await once(
    start({ TRUNKLINE_SIP_PORT: 'x', TRUNKLINE_HTP_PORT: '1' }),
    'exit',
  )) as [number];
  expect(code).toBe(1);
  expect(output).toMatch(/TRUNKLINE_SIP_PORT should be a port/);
  expect(output).toMatch(/TRUNKLINE_HTP_PORT is not a setting/);
});

function start(env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [join(ROOT, 'cli', 'bootstrap.mjs'), 'start'], {
    // Not the project's folder: its .env may hold real keys.
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
      ...stackPortsEnv(ports),
      TRUNKLINE_CONFIG: join(ROOT, 'config', 'lines.yaml'),
      TRUNKLINE_DATA_DIR: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  return child;
}

/** Whatever was started with our data folder in its environment. */
function ownProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isRunning(pid) && fileOf(pid, 'environ').includes(folder));
}

function commandOf(pid: number): string {
  return fileOf(pid, 'cmdline').replaceAll('\0', ' ');
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
