import { test } from 'vitest';
import { tellShuffled } from './fixtures/stories.ts';

/** As many as there is time for; `node bench/shuffles.ts` tells 10,000 of the same kind. */
const STORIES = 50;

test('whatever order a story is told in, it is one record for each call', async () => {
  await tellShuffled({ count: STORIES });
}, 300_000);
