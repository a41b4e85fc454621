import { request } from 'node:http';
import { Agent } from 'node:http';
import type { Config } from '../../../config/config.ts';

/** A worker on this machine answers within a few; a call is not kept waiting for more, ms. */
const TIMEOUT_MS = 250;
const MAX_BODY_BYTES = 4_096;

/**
 * How many more calls the agent worker of this machine would take, as its `/healthz` says; undefined
 * when none answers there (it may run elsewhere, or be restarting: LiveKit will find out).
 */
export class WorkerCapacity {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #worker: Pick<Config['worker'], 'health' | 'maxCalls'>;

  constructor(worker: Pick<Config['worker'], 'health' | 'maxCalls'>) {
    this.#worker = worker;
  }

  /** @param ours calls that this endpoint holds: those the worker has not heard of yet count too */
  async isFull(ours: number): Promise<boolean> {
    const free = await this.#free();
    if (free === undefined) return false;
    const known = this.#worker.maxCalls - free;
    return free - Math.max(0, ours - known) <= 0;
  }

  close(): void {
    this.#agent.destroy();
  }

  #free(): Promise<number | undefined> {
    const { host, port } = this.#worker.health;
    return new Promise((resolve) => {
      const asked = request({ host, port, path: '/healthz', agent: this.#agent }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          if (body.length < MAX_BODY_BYTES) body += chunk;
        });
        response.on('end', () => resolve(readFree(body)));
      });
      asked.setTimeout(TIMEOUT_MS, () => asked.destroy());
      asked.on('close', () => resolve(undefined));
      asked.on('error', () => resolve(undefined));
      asked.end();
    });
  }
}

function readFree(body: string): number | undefined {
  try {
    const answer: unknown = JSON.parse(body);
    const free = (answer as { freeCalls?: unknown } | null)?.freeCalls;
    return typeof free === 'number' ? free : undefined;
  } catch {
    return undefined;
  }
}
