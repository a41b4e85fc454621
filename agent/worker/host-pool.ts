import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Logger } from 'pino';
import { backoff } from '../../config/backoff.ts';
import type { AgentConfig } from '../agent-config.ts';
import { MEDIA_HEAP_FLAGS } from '../../config/media-heap.ts';
import { Pulse } from '../../config/pulse.ts';
import type { FromHost, HostHealth, ToHost } from './host-messages.ts';
import type { JobInfo } from '../conversation/job.ts';

interface Host {
  readonly process: ChildProcess;
  readonly jobs: Map<string, JobInfo>;
  readonly pulse: Pulse;
  /** As it said last. */
  health: HostHealth | undefined;
  readonly gone: Promise<unknown>;
  /** Calls that it was ever given. */
  taken: number;
  ready: boolean;
  hung: boolean;
  /** Another was started in its place; it gets calls until that one is ready. */
  replaced: boolean;
  draining: boolean;
}

export interface HostPoolOptions {
  readonly config: AgentConfig;
  readonly log: Logger;
  /** Default: 200. */
  readonly callsPerHost?: number;
  /** A host died, or hung and was killed, with these calls in it; they are gone. */
  onLost(jobs: JobInfo[], how: 'died' | 'hung'): void;
  onJobEnded(jobId: string): void;
  /** A host can take calls. */
  onReady(): void;
}

export interface HostCounts {
  readonly wanted: number;
  readonly ready: number;
  /** In a row: more than a few, and something is in their way. */
  readonly failedStarts: number;
}

const RESTART_MS = { first: 100, most: 10_000 };
/** A host that lived this long was not dying of its start, ms. */
const STABLE_MS = 30_000;
/** Loading takes 2 s on an idle core; a host that is not ready by then hangs, ms. */
const START_TIMEOUT_MS = 60_000;
/**
 * A host that answers nothing for 5 to 6 s leaves its callers in dead air, which is what they bear
 * before they say "Hello?". The longest answer of hosts with 10 calls on 2 cores took 0.4 s.
 */
const PING_MS = 1_000;
const MOST_UNANSWERED = 5;
/**
 * rtc-node 0.13 keeps some 0.4 MB of every room for good (livekit/node-sdks#514): after so many
 * calls another host takes the place of one, which ends with its last call.
 */
const CALLS_PER_HOST = 200;

/** Keeps `config.worker.hosts` host processes running and spreads the calls over them. */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #hosts = new Set<Host>();
  readonly #pinging: NodeJS.Timeout;
  /** Of hosts soon after their start, in a row. */
  #deaths = 0;
  #failedStarts = 0;
  #closed = false;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    for (let i = 0; i < options.config.worker.hosts; i++) this.#start();
    this.#pinging = setInterval(() => this.#ping(), PING_MS);
  }

  get ready(): boolean {
    return [...this.#hosts].some(({ ready }) => ready);
  }

  /** Of hosts that have told of themselves. */
  get health(): readonly (HostHealth & { readonly calls: number })[] {
    return [...this.#hosts].flatMap(({ health, jobs }) =>
      health === undefined ? [] : [{ ...health, calls: jobs.size }],
    );
  }

  get activeJobs(): number {
    return [...this.#hosts].reduce((sum, { jobs }) => sum + jobs.size, 0);
  }

  get counts(): HostCounts {
    return {
      wanted: this.#options.config.worker.hosts,
      ready: [...this.#hosts].filter(({ ready, draining }) => ready && !draining).length,
      failedStarts: this.#failedStarts,
    };
  }

  /** Gives the call to the host with the fewest; false when no host is ready. */
  launch(job: JobInfo): boolean {
    const [host] = [...this.#hosts]
      .filter(({ ready, draining }) => ready && !draining)
      .sort((a, b) => Number(a.pulse.isLate) - Number(b.pulse.isLate) || a.jobs.size - b.jobs.size);
    if (!host) return false;
    host.jobs.set(job.id, job);
    host.taken += 1;
    send(host, { type: 'job', job });
    if (host.taken >= (this.#options.callsPerHost ?? CALLS_PER_HOST)) this.#replace(host);
    return true;
  }

  terminate(jobId: string): void {
    for (const host of this.#hosts) {
      if (host.jobs.has(jobId)) send(host, { type: 'terminate', jobId });
    }
  }

  /** Lets each host end when its calls have; resolves when the last has. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const host of this.#hosts) send(host, { type: 'drain' });
    await Promise.all([...this.#hosts].map(({ gone }) => gone));
    clearInterval(this.#pinging);
  }

  #replace(host: Host): void {
    if (host.replaced || this.#closed) return;
    host.replaced = true;
    this.#start();
  }

  #ping(): void {
    for (const host of this.#hosts) {
      if (!host.ready || host.hung) continue;
      if (host.pulse.ask()) send(host, { type: 'ping' });
      else this.#kill(host);
    }
  }

  #kill(host: Host): void {
    host.hung = true;
    host.process.kill('SIGKILL');
  }

  /** A host that cannot be started is tried again, for as long as it takes. */
  #start(): void {
    const { config, log } = this.#options;
    let child: ChildProcess;
    try {
      child = fork(new URL('./host.ts', import.meta.url), {
        serialization: 'advanced',
        execArgv: [...process.execArgv, ...MEDIA_HEAP_FLAGS],
      });
    } catch (error) {
      log.error({ err: error }, 'a host cannot be started');
      this.#failedStarts += 1;
      this.#startLater(0);
      return;
    }
    const startedAt = performance.now();
    const gone = Promise.withResolvers<unknown>();
    const host: Host = {
      process: child,
      jobs: new Map(),
      pulse: new Pulse(PING_MS, MOST_UNANSWERED),
      gone: gone.promise,
      taken: 0,
      health: undefined,
      ready: false,
      hung: false,
      replaced: false,
      draining: false,
    };
    this.#hosts.add(host);
    const hangs = setTimeout(() => this.#kill(host), START_TIMEOUT_MS);
    const onGone = (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(hangs);
      gone.resolve(undefined);
      if (!this.#hosts.delete(host)) return;
      const { hung, jobs, ready } = host;
      const expected = this.#closed || host.draining;
      if (!expected || jobs.size > 0)
        log.error({ code, signal, hung, ready, calls: jobs.size }, 'a host is gone');
      if (jobs.size > 0) this.#options.onLost([...jobs.values()], hung ? 'hung' : 'died');
      if (host.replaced) return;
      if (!ready) this.#failedStarts += 1;
      this.#startLater(performance.now() - startedAt);
    };
    child.once('exit', onGone);
    child.on('error', (error) => {
      log.error({ err: error }, 'a host cannot be started, or not be told anything');
      // Without a process there is no exit.
      if (child.pid === undefined) onGone(null, null);
    });
    child.on('message', (message: FromHost) => {
      if (message.type === 'ready') clearTimeout(hangs);
      this.#onMessage(host, message);
    });
    send(host, { type: 'init', config });
  }

  #startLater(livedMs: number): void {
    if (this.#closed) return;
    this.#deaths = livedMs > STABLE_MS ? 0 : this.#deaths + 1;
    setTimeout(() => !this.#closed && this.#start(), backoff(RESTART_MS, this.#deaths));
  }

  #onMessage(host: Host, message: FromHost): void {
    switch (message.type) {
      case 'ready':
        host.ready = true;
        this.#failedStarts = 0;
        for (const old of this.#hosts) {
          if (!old.replaced || old.draining) continue;
          old.draining = true;
          send(old, { type: 'drain' });
        }
        this.#options.onReady();
        break;
      case 'jobEnded':
        host.jobs.delete(message.jobId);
        this.#options.onJobEnded(message.jobId);
        break;
      case 'pong':
        host.pulse.answer();
        host.health = message;
        break;
      default:
        message satisfies never;
    }
  }
}

/** What a host that is gone just now does not get is no error: its exit follows. */
function send(host: Host, message: ToHost): void {
  if (host.process.connected) host.process.send(message, () => undefined);
}
