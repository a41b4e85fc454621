import { expect, test } from 'vitest';
import { SpeechDetector, levelOf } from './speech-detector.ts';

function feed(detector: SpeechDetector, level: number, frames: number): number {
  let speech = 0;
  for (let frame = 0; frame < frames; frame++) if (detector.push(level)) speech++;
  return speech;
}

test('speech over a quiet line is found after 40 ms, a click is not', () => {
  const detector = new SpeechDetector();
  feed(detector, -70, 50);
  expect(feed(detector, -15, 3)).toBe(0);
  feed(detector, -70, 10);
  expect(detector.speaking).toBe(false);
  expect(feed(detector, -15, 10)).toBe(7);
  expect(detector.speaking).toBe(true);
});

test('within an utterance silence is what is far below its peak', () => {
  const detector = new SpeechDetector();
  feed(detector, -70, 20);
  feed(detector, -10, 20);
  expect(feed(detector, -35, 5)).toBe(5);
  expect(feed(detector, -45, 5)).toBe(0);
  expect(detector.audible).toBe(true);
  feed(detector, -70, 1);
  expect(detector.audible).toBe(false);
});

test('steady noise is not speech for long, and speech above it still is', () => {
  const detector = new SpeechDetector();
  feed(detector, -42, 1000);
  detector.reset();
  expect(feed(detector, -42, 100)).toBe(0);
  expect(feed(detector, -20, 20)).toBeGreaterThan(10);
});

test('speech of which every second packet is lost is still noticed', () => {
  const detector = new SpeechDetector();
  feed(detector, -75, 50);
  for (let packet = 0; packet < 8; packet++) feed(detector, packet % 2 ? -75 : -15, 2);
  expect(detector.speaking).toBe(true);
});

test('levels are in dB of full scale', () => {
  expect(levelOf(new Int16Array(80), 0, 80)).toBeLessThan(-90);
  expect(levelOf(new Int16Array(80).fill(-32768), 0, 80)).toBeCloseTo(0, 3);
  expect(levelOf(new Int16Array(80).fill(3277), 0, 80)).toBeCloseTo(-20, 1);
});
