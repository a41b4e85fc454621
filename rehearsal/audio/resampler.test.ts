import { describe, expect, test } from 'vitest';
import { Resampler, resample } from './resampler.ts';

function sine(hz: number, rate: number, seconds: number): Int16Array {
  return Int16Array.from({ length: rate * seconds }, (_, index) =>
    Math.round(16_000 * Math.sin((2 * Math.PI * hz * index) / rate)),
  );
}

/** Largest difference, leaving out 5 ms at either end where the filter has no neighbours. */
function worstError(a: Int16Array, b: Int16Array, rate: number): number {
  const edge = rate / 200;
  let worst = 0;
  for (let index = edge; index < Math.min(a.length, b.length) - edge; index++) {
    worst = Math.max(worst, Math.abs((a[index] ?? 0) - (b[index] ?? 0)));
  }
  return worst;
}

describe.each([
  [8000, 16_000],
  [16_000, 8000],
  [24_000, 8000],
  [22_050, 24_000],
  [48_000, 8000],
  [44_100, 8000],
])('%i Hz to %i Hz', (from, to) => {
  test('keeps a tone in its place', () => {
    const output = resample(sine(1000, from, 0.2), from, to);
    expect(output.length).toBe(Math.ceil(to * 0.2));
    expect(worstError(output, sine(1000, to, 0.2), to)).toBeLessThan(160);
  });

  test('gives the same in pieces as at once', () => {
    const input = sine(700, from, 0.2);
    const resampler = new Resampler(from, to);
    const pieces: number[] = [];
    for (let start = 0; start < input.length; start += 77) {
      pieces.push(...resampler.write(input.subarray(start, start + 77)));
    }
    const whole = resample(input, from, to);
    expect(pieces.length).toBeGreaterThan(whole.length * 0.95);
    expect(pieces).toEqual([...whole.subarray(0, pieces.length)]);
  });
});

test('what the lower rate cannot carry is removed', () => {
  const output = resample(sine(6000, 16_000, 0.2), 16_000, 8000);
  expect(worstError(output, new Int16Array(output.length), 8000)).toBeLessThan(160);
});

test('an impossible rate is refused', () => {
  expect(() => new Resampler(0, 8000)).toThrow(RangeError);
});
