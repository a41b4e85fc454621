import { expect, test } from 'vitest';
import { createBatcher } from './batcher.ts';
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
