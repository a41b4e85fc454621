import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Deafness } from './deafness.ts';

/** Between two judgements of the voice activity detector, ms. */
const WINDOW = 32;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function speak(deafness: Deafness, ms: number): void {
  for (let at = 0; at < ms; at += WINDOW) {
    vi.advanceTimersByTime(WINDOW);
    deafness.voice(WINDOW);
  }
}

test('who speaks for 5 s and is not understood is noticed, once for each new connection', () => {
  const onDeaf = vi.fn();
  const deafness = new Deafness(onDeaf);
  speak(deafness, 4_900);
  expect(onDeaf).not.toHaveBeenCalled();
  speak(deafness, 200);
  expect(onDeaf).toHaveBeenCalledTimes(1);
  speak(deafness, 14_000);
  expect(onDeaf).toHaveBeenCalledTimes(1);
  speak(deafness, 7_000);
  expect(onDeaf).toHaveBeenCalledTimes(2);
});

test('one recognised word is enough', () => {
  const onDeaf = vi.fn();
  const deafness = new Deafness(onDeaf);
  speak(deafness, 4_000);
  deafness.words();
  speak(deafness, 4_000);
  expect(onDeaf).not.toHaveBeenCalled();
});

test('short sounds far apart are no speech', () => {
  const onDeaf = vi.fn();
  const deafness = new Deafness(onDeaf);
  for (let n = 0; n < 20; n += 1) {
    speak(deafness, 500);
    vi.advanceTimersByTime(2_500);
  }
  expect(onDeaf).not.toHaveBeenCalled();
});
