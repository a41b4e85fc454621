import { expect, test } from 'vitest';
import { createDialler } from './dialler.ts';

test('presses each key once: growing durations, three ends, then a pause', () => {
  const dialler = createDialler('4#');
  const packets = [];
  while (!dialler.done) packets.push(dialler.nextPacket());
  const pressed = packets.filter((packet) => packet !== undefined);
  expect(pressed.filter(({ first }) => first).map(({ digit }) => digit)).toEqual(['4', '#']);
  expect(pressed.slice(0, 9).map(({ durationSamples }) => durationSamples)).toEqual([
    160, 320, 480, 640, 800, 960, 960, 960, 960,
  ]);
  expect(pressed.slice(0, 9).map(({ end }) => end)).toEqual([
    ...Array<boolean>(6).fill(false),
    true,
    true,
    true,
  ]);
  expect(pressed[9]).toMatchObject({ event: 11, first: true });
  expect(packets.length - pressed.length).toBeGreaterThan(10);
});

test('refuses what is no key', () => {
  expect(() => createDialler('12x')).toThrow('not a telephone key: X');
});
