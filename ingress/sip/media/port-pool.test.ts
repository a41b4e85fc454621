import { expect, test } from 'vitest';
import { PortPool } from './port-pool.ts';

test('hands out even ports with room for RTCP, then none', () => {
  const pool = new PortPool(10_001, 10_006);
  expect([pool.take(), pool.take(), pool.take()]).toEqual([10_002, 10_004, undefined]);
});

test('a port comes back last in the queue, and only once', () => {
  const pool = new PortPool(10_000, 10_005);
  expect(pool.take()).toBe(10_000);
  pool.give(10_000);
  pool.give(10_000);
  pool.give(9_000);
  expect(pool.available).toBe(3);
  expect([pool.take(), pool.take(), pool.take(), pool.take()]).toEqual([
    10_002,
    10_004,
    10_000,
    undefined,
  ]);
});

test('a range without a pair is an error', () => {
  expect(() => new PortPool(10_001, 10_002)).toThrow(RangeError);
});
