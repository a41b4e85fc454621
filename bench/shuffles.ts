/**
 * Stories of calls told to a ledger in any order, some of it twice, some of it never: the records
 * must be those of the same told in order.
 *
 *     node bench/shuffles.ts [--count 10000] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { tellShuffled } from '../webhooks/in/fixtures/stories.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(values.count);
console.log(`${count} shuffles, seed ${seed}`);
const startedAt = performance.now();
const events = await tellShuffled({
  count,
  seed,
  onStory: (done) => {
    if (done % 1000 === 0) console.log(done);
  },
});
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(`${count} shuffles, ${events} events: the same records each time, in ${seconds} s`);
