import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('so many run at once, the others in order, the aborted not at all', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const abort = new AbortController();
  const works = [0, 1, 2, 3, 4].map((index) => {
    const end = Promise.withResolvers<void>();
    const signal = index === 2 ? abort.signal : new AbortController().signal;
    const done = turns.run(async () => {
      begun.push(index);
      await end.promise;
    }, signal);
    return { end, done };
  });
  const finish = async (index: number, fails = false): Promise<void> => {
    const { end, done } = works[index] ?? {};
    if (fails) end?.reject(new Error('no room'));
    else end?.resolve();
    await done?.catch(() => undefined);
  };
  abort.abort();
  expect(begun).toEqual([0, 1]);
  await finish(1, true);
  await works[2]?.done;
  expect(begun).toEqual([0, 1, 3]);
  await finish(0);
  expect(begun).toEqual([0, 1, 3, 4]);
  await Promise.all([finish(3), finish(4)]);
  await turns.run(async () => begun.push(5), new AbortController().signal);
  expect(begun.at(-1)).toBe(5);
});
