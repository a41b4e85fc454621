import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowLists, sameLength, valueLists } from './lists.ts';

const isPowerOfTwo = (n: number) => Number.isInteger(Math.log2(n));
const values = fc.array(fc.nat(), { maxLength: 1_000 });

test('rows are there once, in their order, in lists of few lengths', () => {
  fc.assert(
    fc.property(values, (rows) => {
      const lists = [...rowLists(rows)];
      expect(lists.flat()).toEqual(rows);
      expect(lists.every(({ length }) => isPowerOfTwo(length) && length <= 256)).toBe(true);
    }),
  );
});

test('values are there at least once, in lists of few lengths', () => {
  fc.assert(
    fc.property(values, (wanted) => {
      const lists = [...valueLists(wanted)];
      expect(new Set(lists.flat())).toEqual(new Set(wanted));
      expect(lists.every(({ length }) => isPowerOfTwo(length) && length <= 256)).toBe(true);
    }),
  );
});

test('lists of one statement have one order and one length', () => {
  const lists = new Map([
    ['b', [4]],
    ['a', [1, 2, 3]],
  ]);
  expect(sameLength(lists)).toEqual([
    ['a', [1, 2, 3, 3]],
    ['b', [4, 4, 4, 4]],
  ]);
  expect(sameLength(new Map())).toEqual([]);
});
