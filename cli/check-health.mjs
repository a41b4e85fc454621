/**
 * The health check of a container of ours, `node cli/check-health.mjs http://127.0.0.1:8080/readyz`:
 * 0 for an answer of 2xx. Docker calls a container unhealthy and leaves it at that; so when its
 * process, which has answered before, answers nothing check after check, it is killed here. The
 * container ends with it, and `restart: unless-stopped` starts it anew.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below the `timeout` of the check, ms. */
const TIMEOUT_MS = 4_000;
/** A minute, with a check every 10 s. */
const MOST_UNANSWERED = 6;
const [url = ''] = process.argv.slice(2);
const notes = join(tmpdir(), 'trunkline-health.json');
const main = mainProcess();

try {
  const { ok } = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (main) write({ life: main.life, unanswered: 0 });
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
  if (main) onSilence(main);
}

/** @param {{ pid: number, life: string }} main */
function onSilence({ pid, life }) {
  const before = read();
  if (before?.life !== life) return; // it is starting still
  const unanswered = before.unanswered + 1;
  write({ life, unanswered });
  if (unanswered < MOST_UNANSWERED) return;
  process.stderr.write('it hangs and is killed\n');
  process.kill(pid, 'SIGKILL');
}

/**
 * The child of the container's tini; undefined anywhere else, where nothing is killed. `life` tells
 * one start of it from the next.
 */
function mainProcess() {
  try {
    if (readFileSync('/proc/1/comm', 'utf8') !== 'tini\n') return undefined;
    for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // proc(5): the command, in brackets, then state, parent, … and the time of start.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[1] === '1') return { pid, life: `${pid} ${fields[19]}` };
    }
  } catch {
    // No Linux, or a process that has just ended.
  }
  return undefined;
}

/** @returns {{ life: string, unanswered: number } | undefined} */
function read() {
  try {
    return JSON.parse(readFileSync(notes, 'utf8'));
  } catch {
    return undefined;
  }
}

/** @param {{ life: string, unanswered: number }} note */
function write(note) {
  try {
    writeFileSync(notes, JSON.stringify(note));
  } catch {
    // Without notes nothing is killed.
  }
}
