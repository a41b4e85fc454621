import { expect, test } from 'vitest';
import { Arrivals } from './arrivals.ts';

test('a moment arrived with the chunk that holds it', () => {
  const arrivals = new Arrivals();
  arrivals.add(100, 5000);
  arrivals.add(200, 5100);
  expect(arrivals.of(100)).toBe(5000);
  expect(arrivals.of(101)).toBe(5100);
});

test('what is still to come arrives when the stream goes on', () => {
  const arrivals = new Arrivals();
  arrivals.add(100, 5000);
  expect(arrivals.of(130)).toBe(5030);
});

test('a long stream keeps its last seconds only', () => {
  const arrivals = new Arrivals();
  for (let ms = 20; ms <= 60_000; ms += 20) arrivals.add(ms, 1000 + ms);
  expect(arrivals.of(59_000)).toBe(60_000);
  expect(arrivals.of(1)).toBeGreaterThan(40_000);
});
