import { Worker } from 'node:worker_threads';
import type { EarAnswer, EarData, EarRequest } from './ear-worker.ts';

/** Understands the phrases of the rehearsal agent by their sound. */
export interface Ear {
  /** Of 16-bit mono audio at 8 kHz; undefined: not understood. Never rejects. */
  understand(samples: Int16Array): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Learns the phrases in the background; until then what is heard has to wait. */
export function openEar(data: EarData): Ear {
  const worker = new Worker(new URL('ear-worker.ts', import.meta.url), { workerData: data });
  const waiting = new Map<number, (text: string | undefined) => void>();
  let nextId = 0;
  let broken = false;
  worker.on('message', ({ id, text }: EarAnswer) => {
    waiting.get(id)?.(text);
    waiting.delete(id);
  });
  worker.on('error', () => {
    broken = true;
    for (const answer of waiting.values()) answer(undefined);
    waiting.clear();
  });
  return {
    understand(samples) {
      if (broken) return Promise.resolve(undefined);
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      const id = nextId;
      nextId += 1;
      waiting.set(id, resolve);
      worker.postMessage({ id, samples } satisfies EarRequest, []);
      return promise;
    },
    async close() {
      await worker.terminate();
    },
  };
}
