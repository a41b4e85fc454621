import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { isGroupRunning } from '../test/harness/is-running.ts';
import { waitFor } from '../test/harness/wait-for.ts';

/** Starts three children under a guard, releases the last and says their pids. */
const PARENT = `
  import { spawn } from 'node:child_process';
  import { createProcessGuard } from '${new URL('process-guard.ts', import.meta.url).href}';
  const guard = createProcessGuard();
  const start = (script) => spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore' });
  const polite = start('sleep 60 & wait');
  const deaf = start('trap "" TERM; while :; do sleep 60; done');
  const released = start('sleep 60');
  for (const { pid } of [polite, deaf, released]) guard.watch(pid);
  guard.release(released.pid);
  console.log(JSON.stringify([polite.pid, deaf.pid, released.pid]));
  setInterval(() => {}, 1000);
`;

test('children end when their parent is killed with -9, deaf ones too', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '-e', PARENT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const [polite, deaf, released] = JSON.parse(line) as [number, number, number];
  expect([polite, deaf, released].map(isGroupRunning)).toEqual([true, true, true]);

  parent.kill('SIGKILL');
  await waitFor(() => !isGroupRunning(polite) && !isGroupRunning(deaf), { timeout: 15_000 });
  expect(isGroupRunning(released)).toBe(true);
  process.kill(-released, 'SIGKILL');
});

test('a child that lets its work finish is told a second time, and says goodbye', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-guard-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const goodbye = join(folder, 'goodbye');
  const shell = `
    goodbye() { echo goodbye > ${goodbye}; exit; }
    again() { trap goodbye TERM; }
    trap again TERM
    echo ready
    while :; do sleep 0.1; done
  `;
  const script = `
    import { spawn } from 'node:child_process';
    import { createProcessGuard } from '${new URL('process-guard.ts', import.meta.url).href}';
    const stdio = ['ignore', 'inherit', 'ignore'];
    const child = spawn('/bin/sh', ['-c', ${JSON.stringify(shell)}], { detached: true, stdio });
    createProcessGuard().watch(child.pid);
    console.log(child.pid);
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface(parent.stdout).on('line', (line) => lines.push(line));
  await waitFor(() => lines.length === 2);
  const group = Number(lines.find((line) => line !== 'ready'));
  parent.kill('SIGKILL');
  await waitFor(() => !isGroupRunning(group), { timeout: 15_000 });
  expect(existsSync(goodbye)).toBe(true);
});
