import { randomUUID } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { currentOwner, isAlive } from '../config/process-owner.mjs';

const LOOK_EVERY_MS = 100;
/** A claim that is cut off within its id may be half of somebody's, and holds nobody up. */
const CLAIM = /^(\d+) (\d+) [\da-f-]{36}$/;

/**
 * Runs `work` while no other process does so under the same lock file.
 *
 * Who wants the lock appends a line to the file, and has it once all who stand before them are gone.
 * Nothing is ever taken from anybody: two who wait for an owner that died stand one behind the
 * other. (Locks that are made anew in place of a dead one, as those of proper-lockfile, can be taken
 * by both; and this one guards the installation of packages.) The owner removes the file at the end,
 * and whoever waits in it goes to the next one.
 * @template T
 * @param {string} path
 * @param {(line: string) => void} log
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(path, log, work) {
  let told = false;
  const onWait = () => {
    if (!told) log(`waiting for another start that is at the same step (${path}) …`);
    told = true;
  };
  let file;
  while ((file = await waitInLine(path, onWait)) === undefined);
  try {
    return await work();
  } finally {
    // Somebody may have removed ours by hand, and then another has this name.
    if (await isStill(file, path)) await rm(path, { force: true });
    await file.close();
  }
}

/**
 * The open file: the lock is ours. Undefined: it was removed, and the line is in another one.
 * @param {string} path
 * @param {() => void} onWait
 */
async function waitInLine(path, onWait) {
  const { pid, startTicks } = currentOwner();
  const claim = `${pid} ${startTicks} ${randomUUID()}`;
  const file = await open(path, 'a+');
  let isOurs = false;
  try {
    // The line before may have been cut off.
    await file.appendFile(`\n${claim}\n`);
    for (;;) {
      const isFirst = await isFirstInLine(file, claim);
      // Looked at last: an owner removes the file before it ends.
      if (!(await isStill(file, path))) return undefined;
      isOurs = isFirst;
      if (isOurs) return file;
      onWait();
      await delay(LOOK_EVERY_MS);
    }
  } finally {
    if (!isOurs) await file.close();
  }
}

/**
 * @param {import('node:fs/promises').FileHandle} file
 * @param {string} claim
 */
async function isFirstInLine(file, claim) {
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0);
  const lines = buffer.toString('utf8').split('\n');
  return lines.slice(0, lines.indexOf(claim)).every((line) => {
    const [, pid, startTicks = '0'] = CLAIM.exec(line) ?? [];
    return pid === undefined || !isAlive({ pid: Number(pid), startTicks });
  });
}

/**
 * @param {import('node:fs/promises').FileHandle} file
 * @param {string} path
 */
async function isStill(file, path) {
  const [ours, named] = await Promise.all([file.stat(), stat(path).catch(() => undefined)]);
  return named?.ino === ours.ino && named.dev === ours.dev;
}
