import { expect, test } from 'vitest';
import { HELD, createBatcher } from './batcher.ts';
import { StoreBusyError } from './store-errors.ts';

/** What node:sqlite throws when the disk is full. */
const full = () => Object.assign(new Error('database or disk is full'), { errcode: 13 });
const bad = () => Object.assign(new Error('value too long'), { code: '22001' });

test('one bad request fails only itself', async () => {
  const batcher = createBatcher<number, number>(async (numbers) => {
    if (numbers.includes(3)) throw bad();
    return numbers.map((number) => number * 2);
  });
  const results = await Promise.allSettled([1, 2, 3, 4].map((number) => batcher.run(number)));
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'no'))).toEqual([
    2,
    4,
    'no',
    8,
  ]);
});

test('whatever is wrong with one, the others are taken, and it is not lost', async () => {
  const bug = new Error('a bug of ours');
  const failed: [number, unknown][] = [];
  const batcher = createBatcher<number, number>(
    async (numbers) => {
      if (numbers.includes(3)) throw bug;
      return numbers;
    },
    {
      async instead(number, error) {
        failed.push([number, error]);
        return -1;
      },
    },
  );
  expect(await Promise.all([1, 2, 3, 4].map((number) => batcher.run(number)))).toEqual([
    1, 2, -1, 4,
  ]);
  expect(failed).toEqual([[3, bug]]);
});

test('a store that goes away while they are tried one by one is not asked for each', async () => {
  let asked = 0;
  const batcher = createBatcher<number, number>(async (numbers) => {
    asked += 1;
    throw numbers.length > 1 ? bad() : full();
  });
  const waiting = await Promise.allSettled([1, 2, 3, 4].map((number) => batcher.run(number)));
  expect(waiting.every(({ status }) => status === 'rejected')).toBe(true);
  expect(asked).toBe(2);
});

test('one that somebody holds comes again with later ones, and holds up none', async () => {
  const held = new Set([2]);
  const batcher = createBatcher<number, number>(async (numbers) =>
    numbers.map((number) => (held.has(number) ? HELD : number)),
  );
  const two = batcher.run(2);
  expect(await Promise.all([1, 3].map((number) => batcher.run(number)))).toEqual([1, 3]);
  held.clear();
  expect(await two).toBe(2);
});

test('one that is held for long is dealt with otherwise', async () => {
  const batcher = createBatcher<number, number>(async (numbers) => numbers.map(() => HELD), {
    instead: async () => -1,
  });
  expect(await batcher.run(1)).toBe(-1);
});

test('a store that is away is asked once, and all who wait are told', async () => {
  let asked = 0;
  const batcher = createBatcher<number, number>(async () => {
    asked += 1;
    throw full();
  });
  const waiting = Array.from({ length: 1_000 }, (_, n) => batcher.run(n));
  const results = await Promise.allSettled(waiting);
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
  expect(asked).toBeLessThan(3);
});

test('it takes requests again as soon as the store does', async () => {
  let away = true;
  const batcher = createBatcher<number, number>(async (numbers) => {
    if (away) throw full();
    return numbers;
  });
  await expect(batcher.run(1)).rejects.toThrow('full');
  away = false;
  expect(await batcher.run(2)).toBe(2);
});

test('no more than so many wait', async () => {
  const stuck = Promise.withResolvers<void>();
  const batcher = createBatcher<number, number>(async (numbers) => {
    await stuck.promise;
    return numbers;
  });
  const waiting = Array.from({ length: 6_000 }, (_, n) => batcher.run(n));
  const results = Promise.allSettled(waiting);
  await expect(waiting.at(-1)).rejects.toBeInstanceOf(StoreBusyError);
  stuck.resolve();
  const taken = (await results).filter(({ status }) => status === 'fulfilled');
  expect(taken).toHaveLength(5_000);
});
