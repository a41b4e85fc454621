import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { backoff } from '../config/backoff.ts';
import { Pulse } from '../config/pulse.ts';
import { openLogFile } from './log-file.ts';
import type { ProcessGuard } from './process-guard.ts';

const RETRY_MS = { first: 250, most: 10_000 };
/** A process that was ready for this long starts again with the shortest delay. */
const SETTLED_MS = 30_000;
/** Deaths before it was ever ready, after which a process counts as unable to start. */
const MAX_FAILED_STARTS = 3;
/** A process that is not ready by then hangs: it is killed, and started again like one that died. */
const START_TIMEOUT_MS = 60_000;
const PROBE_EVERY_MS = 50;
const PROBE_TIMEOUT_MS = 2_000;
/** So often a process that is ready is asked in `silentMs`. */
const QUESTIONS = 5;
const LAST_LINES = 20;

export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly logFile: string;
  /** Answers 200 once the process is ready. */
  readonly readyUrl: string;
  /** Answers anything at all as long as the process lives. */
  readonly aliveUrl: string;
  /** One that was ready and answers nothing for this long hangs: it is killed, and started again. */
  readonly silentMs: number;
}

export type SupervisorEvent =
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'ready'; readonly afterMs: number }
  | { readonly type: 'died'; readonly how: string; readonly retryInMs: number }
  | { readonly type: 'line'; readonly line: string; readonly stream: 'stdout' | 'stderr' };

/**
 * One process that is kept running.
 *
 *     starting --> ready --> died, waiting for the retry --> starting …
 *         \----------\------------\--> stopping --> stopped
 */
export interface Supervised {
  readonly name: string;
  readonly state: 'starting' | 'ready' | 'waiting' | 'stopping' | 'stopped';
  /** Of the running process; undefined between two. */
  readonly pid: number | undefined;
  /** How often it was started again after a death. */
  readonly restarts: number;
  /** Rejects with `StartError` when it died 3 times before it was ever ready. */
  readonly firstReady: Promise<void>;
  /** SIGTERM, and SIGKILL to the whole process group after `graceMs`. Twice is fine. */
  stop(graceMs: number): Promise<void>;
  /** While it stops: another SIGTERM, which tells ours not to wait for anything. */
  hurry(): void;
  /** SIGKILL to the whole process group; `stop` goes on to its end. */
  kill(): void;
}

/** A process that never became ready. `lines`: the last that it said. */
export class StartError extends Error {
  readonly process: string;
  readonly reason: string;
  readonly lines: readonly string[];

  constructor(name: string, reason: string, lines: readonly string[]) {
    super(`${name} did not start: ${reason}`);
    this.name = 'StartError';
    this.process = name;
    this.reason = reason;
    this.lines = lines;
  }
}

export function supervise(
  spec: ProcessSpec,
  deps: { guard: ProcessGuard; onEvent: (event: SupervisorEvent) => void },
): Supervised {
  const { guard, onEvent } = deps;
  const stopping = new AbortController();
  const log = openLogFile(spec.logFile);
  const lastLines: string[] = [];
  // Includes groups whose leader died and that may still have members.
  const groups = new Set<number>();
  const firstReady = Promise.withResolvers<void>();
  firstReady.promise.catch(() => {});
  let wasReady = false;
  let state: Supervised['state'] = 'starting';
  let child: ChildProcess | undefined;
  let restarts = 0;

  const onLine = (stream: 'stdout' | 'stderr') => (line: string) => {
    log.write(`${line}\n`);
    lastLines.push(line);
    if (lastLines.length > LAST_LINES) lastLines.shift();
    onEvent({ type: 'line', line, stream });
  };

  /** One life of the process; resolves at its end. */
  async function live(): Promise<{ how: string; readyForMs: number }> {
    state = 'starting';
    const startedAt = performance.now();
    const over = new AbortController();
    const running = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env,
      // Its own process group: Ctrl-C reaches only the supervisor, and grandchildren can be ended.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = running;
    createInterface(running.stdout).on('line', onLine('stdout'));
    createInterface(running.stderr).on('line', onLine('stderr'));
    const ended = new Promise<string>((resolve) => {
      running.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      running.once('error', (error) => resolve(error.message));
    });
    const { pid } = running;
    if (pid !== undefined) {
      guard.watch(pid);
      groups.add(pid);
      onEvent({ type: 'started', pid });
    }

    let hung: string | undefined;
    const hangs = setTimeout(() => {
      hung = `not ready within ${START_TIMEOUT_MS / 1000} s`;
      if (pid !== undefined) signalGroup(pid, 'SIGKILL');
    }, START_TIMEOUT_MS);
    let readyAt: number | undefined;
    const becomesReady = answers(spec.readyUrl, over.signal).then((yes) => {
      if (!yes || stopping.signal.aborted) return undefined;
      clearTimeout(hangs);
      readyAt = performance.now();
      state = 'ready';
      wasReady = true;
      onEvent({ type: 'ready', afterMs: readyAt - startedAt });
      watchLife(over.signal, () => {
        hung = `answered nothing for ${spec.silentMs / 1000} s`;
        // Not its group: the calls that an agent's hosts hold go on.
        running.kill('SIGKILL');
      });
      return firstReady.resolve();
    });
    const exit = await ended;
    const how = hung ?? exit;
    clearTimeout(hangs);
    over.abort();
    await becomesReady;
    child = undefined;
    forgetEmptyGroups();
    return { how, readyForMs: readyAt === undefined ? 0 : performance.now() - readyAt };
  }

  /** Not while it stops: that may take its time. */
  function watchLife(over: AbortSignal, onHung: () => void): void {
    const everyMs = spec.silentMs / QUESTIONS;
    const pulse = new Pulse(everyMs, QUESTIONS);
    const timer = setInterval(() => {
      if (!pulse.ask()) onHung();
      else
        void says(spec.aliveUrl, over, everyMs).then(
          () => pulse.answer(),
          () => {},
        );
    }, everyMs);
    AbortSignal.any([over, stopping.signal]).addEventListener('abort', () => clearInterval(timer));
  }

  function forgetEmptyGroups(): void {
    for (const group of groups) {
      if (signalGroup(group, 0)) continue;
      groups.delete(group);
      guard.release(group);
    }
  }

  async function keepRunning(): Promise<void> {
    let deaths = 0;
    for (;;) {
      const { how, readyForMs } = await live();
      if (stopping.signal.aborted) return;
      deaths = readyForMs > SETTLED_MS ? 1 : deaths + 1;
      if (!wasReady && deaths >= MAX_FAILED_STARTS) {
        firstReady.reject(new StartError(spec.name, how, lastLines));
        return;
      }
      const retryInMs = backoff(RETRY_MS, deaths - 1);
      state = 'waiting';
      restarts++;
      onEvent({ type: 'died', how, retryInMs });
      await delay(retryInMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
    }
  }

  const whole = keepRunning();
  const kill = () => {
    for (const group of groups) signalGroup(group, 'SIGKILL');
  };
  let stopped: Promise<void> | undefined;
  return {
    name: spec.name,
    get state() {
      return state;
    },
    get pid() {
      return child?.pid;
    },
    get restarts() {
      return restarts;
    },
    firstReady: firstReady.promise,
    hurry: () => void child?.kill('SIGTERM'),
    kill,
    stop: (graceMs) =>
      (stopped ??= (async () => {
        state = 'stopping';
        stopping.abort();
        child?.kill('SIGTERM');
        const timer = setTimeout(kill, graceMs);
        await whole;
        clearTimeout(timer);
        // Whatever the process left behind in its group.
        kill();
        for (const group of groups) guard.release(group);
        state = 'stopped';
        firstReady.reject(new StartError(spec.name, 'stopped', lastLines));
        await log.close();
      })()),
  };
}

/** True once `url` answers 200; false when `signal` says that the process is gone. */
async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const isReady = await says(url, signal, PROBE_TIMEOUT_MS).catch(() => false);
    if (isReady) return true;
    await delay(PROBE_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  return false;
}

/** Whether it answers 2xx; rejects where there is no answer. */
async function says(url: string, signal: AbortSignal, timeoutMs: number): Promise<boolean> {
  const response = await fetch(url, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  await response.body?.cancel();
  return response.ok;
}

function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
