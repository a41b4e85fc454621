import { expect, test } from 'vitest';
import { splitAtPauses } from './recordings.ts';

/** Lengths of sound and silence in turn, ms. */
const recording = (...lengths: number[]): Int16Array =>
  Int16Array.from(
    lengths.flatMap((ms, i) =>
      Array.from({ length: ms * 8 }, (_, n) => (i % 2 === 0 ? 5_000 * Math.sin(n / 3) : 0)),
    ),
  );

test('cuts at long pauses and not at short ones', () => {
  const parts = splitAtPauses(recording(500, 100, 500, 300, 400), 200);
  expect(parts.map((part) => part.length / 8)).toEqual([1_140, 440]);
});

test('of silence nothing is left', () => {
  expect(splitAtPauses(new Int16Array(8_000), 200)).toEqual([]);
  expect(splitAtPauses(new Int16Array(0), 200)).toEqual([]);
});
