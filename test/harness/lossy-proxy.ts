import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a bad network does to webhooks; shares from 0 to 1. */
export interface Faults {
  /** Taken, and never passed on. */
  readonly dropped: number;
  /** Passed on twice. */
  readonly doubled: number;
  /** Passed on up to `delayMs` later, and so out of order. */
  readonly delayed: number;
  readonly delayMs: number;
}

export interface LossyProxy extends AsyncDisposable {
  readonly url: string;
  faults: Faults;
  readonly counts: { passed: number; dropped: number; doubled: number; delayed: number };
}

/**
 * Stands between livekit-server and the call service and loses, doubles and delays what goes
 * through, the same with the same seed. LiveKit is always told that it has arrived.
 */
export async function startLossyProxy(options: {
  readonly target: string;
  readonly seed: number;
  readonly faults: Faults;
}): Promise<LossyProxy> {
  const random = randomNumbers(options.seed);
  const counts = { passed: 0, dropped: 0, doubled: 0, delayed: 0 };
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end();
      const { dropped, doubled, delayed, delayMs } = proxy.faults;
      if (random() < dropped) {
        counts.dropped += 1;
        return;
      }
      const late = random() < delayed;
      if (late) {
        counts.delayed += 1;
        await delay(random() * delayMs, undefined, { ref: false });
      }
      const times = random() < doubled ? 2 : 1;
      if (times === 2) counts.doubled += 1;
      counts.passed += 1;
      for (let copy = 0; copy < times; copy += 1) {
        await fetch(options.target, {
          method: 'POST',
          headers: {
            'content-type': request.headers['content-type'] ?? '',
            authorization: request.headers.authorization ?? '',
          },
          body: Buffer.concat(chunks),
        });
      }
    })().catch(() => {
      // The service is away: this one is lost, too.
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy: LossyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: options.faults,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** Numerical Recipes' linear congruential generator: 0 to 1. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
