import { expect, test } from 'vitest';
import { Pulse } from './pulse.ts';

test('who leaves so many questions in a row without an answer does not live', () => {
  const pulse = new Pulse(1_000, 3);
  expect([0, 1, 2].map((second) => pulse.ask(second * 1_000))).toEqual([true, true, true]);
  expect(pulse.isLate).toBe(true);
  pulse.answer();
  expect(pulse.isLate).toBe(false);
  expect([3, 4, 5, 6].map((second) => pulse.ask(second * 1_000))).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('who comes late to ask begins anew', () => {
  const pulse = new Pulse(1_000, 3);
  for (const second of [0, 1, 2]) pulse.ask(second * 1_000);
  expect(pulse.ask(60_000)).toBe(true);
  // A loaded machine: every question is late, and none is held against the other.
  for (let at = 62_100; at < 100_000; at += 2_100) expect(pulse.ask(at)).toBe(true);
});
