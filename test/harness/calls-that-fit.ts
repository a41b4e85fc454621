import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/**
 * Steps of the loop below, a second, that a call leaves no time for: a call takes a sixth of a core
 * that makes 720 million (docs/benchmarks.md), and as real time is asked for, half as much again.
 */
const STEPS_PER_CALL = 180e6;
const FEWEST = 3;
const MEASURED_MS = 1_000;

const COUNT = `
  const { parentPort } = require('node:worker_threads');
  const end = performance.now() + ${MEASURED_MS};
  let steps = 0;
  for (let x = 1; performance.now() < end; steps += 1e5) {
    for (let i = 0; i < 1e5; i++) x = (Math.imul(x, 31) + i) | 0;
    globalThis.kept = x;
  }
  parentPort.postMessage(steps);
`;

/**
 * How many calls at once may be asked of this machine, at most `most`: real time cannot be had from
 * cores that are too slow, or that others use.
 */
export async function callsThatFit(most: number): Promise<number> {
  const counts = await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      const [steps] = (await once(new Worker(COUNT, { eval: true }), 'message')) as [number];
      return steps;
    }),
  );
  const rate = counts.reduce((sum, steps) => sum + steps, 0) / (MEASURED_MS / 1_000);
  return Math.max(FEWEST, Math.min(most, Math.floor(rate / STEPS_PER_CALL)));
}
