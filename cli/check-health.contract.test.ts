import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { findFreePorts } from './free-ports.ts';

const CHECK = join(import.meta.dirname, 'check-health.mjs');
const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];
/** What a container is made of needs root. */
const canContain = spawnSync('unshare', [...NAMESPACE, 'true']).status === 0;

let folder: string;
let port: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-health-'));
  port = await findFreePorts(1);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Processes of their own under something called tini, as in the image; resolves once it serves. */
async function startContainer(script: string) {
  const tini = join(folder, 'tini');
  copyFileSync('/bin/sh', tini);
  const serve = `${script};
    require('node:http').createServer((request, response) => {
      response.statusCode = request.url === '/full' ? 503 : 200;
      response.end();
    }).listen(${port}, '127.0.0.1', () => console.log('serving'));`;
  const container = spawn(
    'unshare',
    // Twice the command: a shell would put itself in place of a single one.
    [...NAMESPACE, tini, '-c', '"$0" -e "$1"; exit $?', process.execPath, serve],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  onTestFinished(() => void container.kill('SIGKILL'));
  await once(createInterface(container.stdout), 'line');
  const init = execFileSync('pgrep', ['-P', String(container.pid)], { encoding: 'utf8' }).trim();
  const main = execFileSync('pgrep', ['-P', init], { encoding: 'utf8' }).trim();
  return { container, init, main: Number(main) };
}

/** As `docker exec` runs it. */
function check(init: string, path = '/'): number | null {
  return spawnSync(
    'nsenter',
    [
      '--target',
      init,
      '--pid',
      '--mount',
      process.execPath,
      CHECK,
      `http://127.0.0.1:${port}${path}`,
    ],
    { env: { ...process.env, TMPDIR: folder }, stdio: 'ignore' },
  ).status;
}

test.runIf(canContain)(
  'a process that hangs is killed after six checks, and the container ends',
  async () => {
    const { container, init, main } = await startContainer('');
    const ended = once(container, 'exit');
    expect([check(init), check(init, '/full')]).toEqual([0, 1]);
    process.kill(main, 'SIGSTOP');
    for (let times = 1; times <= 5; times++) {
      expect(check(init)).toBe(1);
      expect(container.exitCode).toBeNull();
    }
    check(init);
    await ended;
  },
);

test.runIf(canContain)('one that does not serve yet, or says that it is full, is not', async () => {
  const { container, init } = await startContainer('');
  for (let times = 0; times < 8; times++) expect(check(init, '/full')).toBe(1);
  port = await findFreePorts(1); // where nobody has ever answered
  rmSync(join(folder, 'trunkline-health.json'));
  for (let times = 0; times < 8; times++) expect(check(init)).toBe(1);
  expect(container.exitCode).toBeNull();
});

test('outside of a container nothing is killed, and nothing kept', () => {
  const { status, stderr } = spawnSync(process.execPath, [CHECK, `http://127.0.0.1:${port}/`], {
    env: { ...process.env, TMPDIR: folder },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, 'fetch failed\n']);
});
