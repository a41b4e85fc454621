/**
 * Who owns a file that processes share: a process is its pid and when it started, because pids are
 * reused, in a container started anew for sure. Plain JavaScript, because the lock around `npm ci`
 * needs it on Node 20.
 */
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} ProcessOwner
 * @property {number} pid
 * @property {string} startTicks clock ticks since boot (proc(5), field 22); `0` where there is no /proc
 */

/** @returns {ProcessOwner} */
export function currentOwner() {
  return { pid: process.pid, startTicks: readStat(process.pid)?.startTicks ?? '0' };
}

/**
 * A zombie is dead: it will never write again.
 * @param {ProcessOwner} owner
 */
export function isAlive({ pid, startTicks }) {
  // 0 and below stand for groups (kill(2)).
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPERM') return false;
  }
  const stat = readStat(pid);
  if (stat === undefined || startTicks === '0') return true;
  return stat.startTicks === startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

/** @param {number} pid */
function readStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 2, the command, is in brackets and may hold spaces and brackets itself.
    const [state = '', ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, startTicks: fields[18] ?? '0' };
  } catch {
    return undefined;
  }
}
