import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
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
