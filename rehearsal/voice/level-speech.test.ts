import { expect, test } from 'vitest';
import { levelSpeech } from './level-speech.ts';

const RATE = 8000;

function tone(ms: number, amplitude: number): number[] {
  return Array.from({ length: ms * 8 }, (_, index) =>
    Math.round(amplitude * Math.sin(index * 0.7)),
  );
}

test('silence around speech is cut off, within it is kept, and its peak is -3 dBFS', () => {
  const pcm = Int16Array.from([
    ...tone(200, 0),
    ...tone(100, 3000),
    ...tone(80, 0),
    ...tone(100, 3000),
    ...tone(300, 5),
  ]);
  const speech = levelSpeech(pcm, RATE);
  expect(speech.length).toBe(280 * 8);
  expect(speech.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0)).toBe(23_198);
  expect([...speech.subarray(120 * 8, 160 * 8)].every((sample) => sample === 0)).toBe(true);
});

test('no sound gives no speech', () => {
  expect(levelSpeech(new Int16Array(800), RATE)).toHaveLength(0);
  expect(levelSpeech(new Int16Array(0), RATE)).toHaveLength(0);
});
