import { beforeEach, expect, test } from 'vitest';
import type { Ledger } from '../ledger/ledger.ts';
import { watchWrites } from './readiness.ts';

let full: boolean;
let probes: number;
let time: number;
beforeEach(() => {
  full = false;
  probes = 0;
  logged = 0;
  time = 0;
});

const write = async () => {
  if (full) throw new Error('the disk is full');
  return [];
};
const ledger = {
  record: write,
  async probe() {
    probes += 1;
    await write();
  },
} as unknown as Ledger;
let logged: number;
const log = { error: () => (logged += 1) };
const watch = () => watchWrites({ ledger, log, now: () => time });

test('who asks at once, or soon after, shares one probe', async () => {
  const { isWritable } = watch();
  await Promise.all(Array.from({ length: 100 }, isWritable));
  time = 29_999;
  expect(await isWritable()).toBe(true);
  expect(probes).toBe(1);
  time = 30_000;
  expect(await isWritable()).toBe(true);
  expect(probes).toBe(2);
});

test('while events are stored, nothing is written for those who ask', async () => {
  const { isWritable, ledger: watched } = watch();
  for (time = 0; time < 600_000; time += 10_000) {
    await watched.record([]);
    expect(await isWritable()).toBe(true);
  }
  expect(probes).toBe(0);
});

test('an event that could not be stored is news at once, and so is one that could', async () => {
  const { isWritable, ledger: watched } = watch();
  expect(await isWritable()).toBe(true);
  full = true;
  expect(await isWritable()).toBe(true);
  await expect(watched.record([])).rejects.toThrow('full');
  expect(await isWritable()).toBe(false);
  expect(await isWritable()).toBe(false);
  expect(probes).toBe(2);
  full = false;
  await watched.record([]);
  expect(await isWritable()).toBe(true);
  expect(probes).toBe(2);
});

test('a ledger that cannot be written is asked again after a second', async () => {
  const { isWritable } = watch();
  full = true;
  expect(await isWritable()).toBe(false);
  full = false;
  expect(await isWritable()).toBe(false);
  expect(logged).toBe(1);
  time = 1_000;
  expect(await isWritable()).toBe(true);
  expect(probes).toBe(2);
});
