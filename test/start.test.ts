import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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
  const key = await ask('key');
  const calls = await fetch(`http://127.0.0.1:${ports.http}/v1/calls`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(await calls.json()).toEqual({ data: [], nextCursor: null });
  expect(await ask('env')).toBe(
    [
      `export LIVEKIT_URL='ws://127.0.0.1:${ports.livekit}'`,
      "export LIVEKIT_API_KEY='devkey'",
      `export LIVEKIT_API_SECRET='${readFileSync(join(folder, 'livekit-secret'), 'utf8').trim()}'`,
    ].join('\n'),
  );
  output = '';
  expect(await once(start(), 'exit')).toEqual([1, null]);
  expect(output).toBe(
    `starting …\nTrunkline runs already (http://127.0.0.1:${ports.http}): stop it first, or give this one ports and a data folder of its own (docs/configuration.md).\n`,
  );

  // The bootstrap, the supervisor, its guard, five services and the hosts of conversations.
  expect(ownProcesses().length).toBeGreaterThan(8);

  bootstrap.kill('SIGTERM');
  expect(await once(bootstrap, 'exit')).toEqual([0, null]);
  await waitFor(() => ownProcesses().length === 0, { timeout: 15_000 });
});

test('no secret is on the terminal, in a log, in `ps`, or for others to read', async () => {
  // The secret of a stack that is given one is as secret as one that was made.
  const secret = 'a-livekit-secret-of-somebody-s-own';
  const bootstrap = start({ LIVEKIT_API_KEY: 'somebody', LIVEKIT_API_SECRET: secret });
  await waitFor(() => READY.test(output), { timeout: 60_000 });
  const secrets = [secret, await ask('key')];
  const commands = ownProcesses().map(commandOf);
  bootstrap.kill('SIGTERM');
  await once(bootstrap, 'exit');

  const logs = readdirSync(join(folder, 'logs')).map((name) => join(folder, 'logs', name));
  expect(logs.length).toBeGreaterThan(4);
  const texts = [output, ...commands, ...logs.map((path) => readFileSync(path, 'utf8'))];
  for (const text of texts) for (const one of secrets) expect(text).not.toContain(one);
  const caches = ['compile-cache', 'rehearsal-voice', 'spoken-texts'];
  const kept = readdirSync(folder).filter((name) => !caches.includes(name));
  expect(kept).toEqual(expect.arrayContaining(['api-key', 'logs', 'trunkline.sqlite']));
  for (const name of [...kept, ...logs]) {
    expect([name, statSync(resolve(folder, name)).mode & 0o077]).toEqual([name, 0]);
  }
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
    `TCP port ${ports.http} of 127.0.0.1 (the call service) is taken: stop what listens there`,
  );
  expect(readdirSync(folder)).not.toContain('logs');
});

test.each(['/proc/x', '/sys/x', '/dev/null', '/dev/full/x'])(
  'a data folder that cannot be is said in one sentence: %s',
  async (dataDir) => {
    const [code] = (await once(start({ TRUNKLINE_DATA_DIR: dataDir }), 'exit')) as [number];
    expect(code).toBe(1);
    expect(output).toMatch(
      /\n {2}environment: TRUNKLINE_DATA_DIR should be a folder that can be written: E[A-Z]+: .*\.\n$/,
    );
    expect(output).not.toContain('    at ');
  },
);

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
    cwd: folder,
    env: { ...settings(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  }
  return child;
}

/** What a command that shows something answers. */
async function ask(command: string): Promise<string> {
  const args = [join(ROOT, 'cli', 'main.ts'), command];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: folder,
    env: settings(),
  });
  return stdout.trimEnd();
}

/** In a folder that is not the project's: its .env may hold real keys. */
function settings() {
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
    ...stackPortsEnv(ports),
    TRUNKLINE_CONFIG: join(ROOT, 'config', 'lines.yaml'),
    TRUNKLINE_DATA_DIR: folder,
  };
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
