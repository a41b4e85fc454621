import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs `work` while no other process does so under the same lock file. A lock whose process is gone
 * is taken over.
 * @template T
 * @param {string} path
 * @param {(line: string) => void} log
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(path, log, work) {
  let told = false;
  while (!(await take(path))) {
    if (!told) log(`waiting for another start that is at the same step (${path}) …`);
    told = true;
    await delay(500);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** @param {string} path */
async function take(path) {
  // Made under another name and then linked, so that a lock is never seen without its owner.
  const own = `${path}.${process.pid}`;
  await writeFile(own, String(process.pid));
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  } finally {
    await rm(own, { force: true });
  }
  const owner = Number(await readFile(path, 'utf8').catch(() => ''));
  if (owner && !isAlive(owner)) await rm(path, { force: true });
  return false;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process, but a process.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
