import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { FromHost, ToHost } from './host-messages.ts';
import type { JobInfo } from './job.ts';

interface Host {
  readonly process: ChildProcess;
  readonly jobs: Map<string, JobInfo>;
  ready: boolean;
}

export interface HostPoolOptions {
  readonly config: Config;
  readonly log: Logger;
  /** A host died with these calls in it; they are gone. */
  onLost(jobs: JobInfo[]): void;
  onJobEnded(jobId: string): void;
  /** A host can take calls. */
  onReady(): void;
}

const RESTART_MS = { first: 100, most: 10_000 };
/** A host that lived this long was not dying of its start, ms. */
const STABLE_MS = 30_000;

/** Keeps `config.worker.hosts` host processes running and spreads the calls over them. */
export class HostPool {
  readonly #options: HostPoolOptions;
  readonly #hosts = new Set<Host>();
  #restartMs = RESTART_MS.first;
  #closed = false;

  constructor(options: HostPoolOptions) {
    this.#options = options;
    for (let i = 0; i < options.config.worker.hosts; i++) this.#start();
  }

  get ready(): boolean {
    return [...this.#hosts].some(({ ready }) => ready);
  }

  get activeJobs(): number {
    return [...this.#hosts].reduce((sum, { jobs }) => sum + jobs.size, 0);
  }

  /** Gives the call to the host with the fewest; false when no host is ready. */
  launch(job: JobInfo): boolean {
    const host = [...this.#hosts]
      .filter(({ ready }) => ready)
      .reduce<Host | undefined>(
        (least, next) => (least && least.jobs.size <= next.jobs.size ? least : next),
        undefined,
      );
    if (!host) return false;
    host.jobs.set(job.id, job);
    send(host, { type: 'job', job });
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
    await Promise.all(
      [...this.#hosts].map(({ process: child }) => {
        const exited = new Promise((resolve) => child.once('exit', resolve));
        if (child.connected) child.disconnect();
        return exited;
      }),
    );
  }

  #start(): void {
    const { config, log } = this.#options;
    const child = fork(new URL('./host.ts', import.meta.url), { serialization: 'advanced' });
    const host: Host = { process: child, jobs: new Map(), ready: false };
    const startedAt = performance.now();
    this.#hosts.add(host);
    send(host, { type: 'init', config });
    child.on('message', (message: FromHost) => {
      if (message.type === 'ready') {
        host.ready = true;
        this.#options.onReady();
      } else {
        host.jobs.delete(message.jobId);
        this.#options.onJobEnded(message.jobId);
      }
    });
    child.on('error', (error) => log.error({ err: error }, 'a host cannot be started'));
    child.once('exit', (code, signal) => {
      this.#hosts.delete(host);
      if (host.jobs.size > 0) this.#options.onLost([...host.jobs.values()]);
      if (this.#closed) return;
      const stable = performance.now() - startedAt > STABLE_MS;
      this.#restartMs = stable ? RESTART_MS.first : Math.min(this.#restartMs * 2, RESTART_MS.most);
      log.error({ code, signal, calls: host.jobs.size }, 'a host died, another is started');
      setTimeout(() => !this.#closed && this.#start(), this.#restartMs);
    });
  }
}

function send(host: Host, message: ToHost): void {
  if (host.process.connected) host.process.send(message);
}
