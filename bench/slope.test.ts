import { expect, test } from 'vitest';
import { slope } from './slope.ts';

test('the slope of a line through values', () => {
  expect(slope([1, 3, 5, 7])).toBe(2);
  expect(slope([5, 5, 5])).toBe(0);
  expect(slope([1, 3, 2, 4])).toBeCloseTo(0.8);
  expect(slope([1])).toBe(0);
});
