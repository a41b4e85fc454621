import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { currentOwner } from '../config/process-owner.mjs';
import { withFileLock } from './file-lock.mjs';

vi.setConfig({ testTimeout: 60_000 });

const WAITERS = 6;
const WAIT = { timeout: 20_000 };

let dir: string;
let path: string;
let journal: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'trunkline-lock-'));
  path = join(dir, 'lock');
  journal = join(dir, 'journal');
  writeFileSync(journal, '');
});
afterEach(() => rmSync(dir, { recursive: true }));

const quiet = () => undefined;
const entries = () => readFileSync(journal, 'utf8').split('\n').slice(0, -1);

/** A process that takes the lock, and writes down when it has it and when no more. */
function locker({ work = 'await delay(20)', before = '' } = {}) {
  const script = `
    import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
    import fs from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    import { setTimeout as delay } from 'node:timers/promises';
    const [path, journal] = ${JSON.stringify([path, journal])};
    ${before}
    const { withFileLock } = await import(${JSON.stringify(join(import.meta.dirname, 'file-lock.mjs'))});
    await withFileLock(path, () => {}, async () => {
      appendFileSync(journal, 'in\\n');
      ${work};
      appendFileSync(journal, 'out\\n');
    });`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
}

async function diesWithIt(): Promise<void> {
  const owner = locker({ work: 'await delay(60_000)' });
  await vi.waitFor(() => expect(entries()).toEqual(['in']), WAIT);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  writeFileSync(journal, '');
}

test('those who find an owner that died have it one after the other', async () => {
  await diesWithIt();
  const waiters = Array.from({ length: WAITERS }, () => locker());
  const codes = await Promise.all(waiters.map((waiter) => once(waiter, 'exit')));
  expect(codes).toEqual(waiters.map(() => [0, null]));
  expect(entries()).toEqual(waiters.flatMap(() => ['in', 'out']));
  expect(existsSync(path)).toBe(false);
});

test('also when one of them is held up just before it removes a lock file', async () => {
  await diesWithIt();
  const slow = locker({
    before: `
      const { rm } = fs;
      fs.rm = async (file, options) => {
        if (file === path) writeFileSync(journal + '-removing', '');
        while (file === path && !existsSync(journal + '-go')) await delay(20);
        return rm(file, options);
      };
      syncBuiltinESMExports();`,
  });
  await vi.waitFor(() => expect(existsSync(`${journal}-removing`)).toBe(true), WAIT);
  const before = entries().length;
  const quick = locker({
    work: `while (!existsSync(journal + '-go')) await delay(20); await delay(2_000)`,
  });
  // It has the lock at once, or never before the slow one goes on.
  const sees = () => expect(entries().length).toBeGreaterThan(before);
  await vi.waitFor(sees, { timeout: 3_000 }).catch(() => undefined);
  writeFileSync(`${journal}-go`, '');
  await Promise.all([once(slow, 'exit'), once(quick, 'exit')]);
  expect(entries()).toEqual(['in', 'out', 'in', 'out']);
});

test('those who wait in one process take turns, too, also after a failure', async () => {
  let inside = 0;
  const work = (fails: boolean) =>
    withFileLock(path, quiet, async () => {
      expect((inside += 1)).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside -= 1;
      if (fails) throw new Error('no luck');
    });
  const results = await Promise.allSettled([work(true), work(false), work(false)]);
  expect(results.map(({ status }) => status).sort()).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
  ]);
  expect(existsSync(path)).toBe(false);
});

test.each(['4711', '1 2', `${process.pid} ${currentOwner().startTicks} 0b54c2e1-`])(
  'what is in the file but no whole claim holds nobody up: %j',
  async (text) => {
    writeFileSync(path, text);
    expect(await withFileLock(path, quiet, async () => 'done')).toBe('done');
  },
);

test('a process of the same number that started later is another one', async () => {
  writeFileSync(path, `\n${process.pid} 1 ${randomUUID()}\n`);
  expect(await withFileLock(path, quiet, async () => 'done')).toBe('done');
});
