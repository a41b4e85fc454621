import { expect, test } from 'vitest';
import { Concealment } from './concealment.ts';

/** A voiced sound: 100 Hz and its harmonics. */
function voice(from: number, length: number): Int16Array {
  return Int16Array.from({ length }, (_, i) => {
    const phase = (2 * Math.PI * (from + i)) / 80;
    return 6_000 * Math.sin(phase) + 3_000 * Math.sin(2 * phase) + 1_500 * Math.sin(5 * phase);
  });
}

function energy(pcm: Int16Array): number {
  return pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
}

function difference(a: Int16Array, b: Int16Array): number {
  return energy(a.map((sample, i) => sample - (b[i] as number)));
}

test('goes on with the voice as it would have gone on', () => {
  const concealment = new Concealment();
  for (let at = 0; at < 800; at += 160) concealment.good(voice(at, 160));
  const concealed = concealment.conceal(80);
  const wanted = voice(800, 80);
  expect(difference(concealed, wanted)).toBeLessThan(energy(wanted) / 100);
});

test('fades to silence within 60 ms', () => {
  const concealment = new Concealment();
  for (let at = 0; at < 800; at += 160) concealment.good(voice(at, 160));
  const levels = Array.from({ length: 4 }, () => energy(concealment.conceal(160)));
  expect(levels[0]).toBeGreaterThan(levels[1] as number);
  expect(levels[1]).toBeGreaterThan(levels[2] as number);
  expect(levels[3]).toBe(0);
  expect(concealment.faded).toBe(true);
});

test('what comes after a loss is cross-faded, and then untouched', () => {
  const concealment = new Concealment();
  for (let at = 0; at < 800; at += 160) concealment.good(voice(at, 160));
  concealment.conceal(160);
  const after = voice(960, 160);
  const played = concealment.good(after);
  expect(played.slice(0, 10)).not.toEqual(after.slice(0, 10));
  expect(played.slice(40)).toEqual(after.slice(40));
  expect(concealment.good(voice(1_120, 160))).toEqual(voice(1_120, 160));
});

test('nothing is repeated where nothing was, or where the far end said it is silent', () => {
  const concealment = new Concealment();
  expect(energy(concealment.conceal(160))).toBe(0);
  concealment.good(voice(0, 480));
  concealment.silence();
  expect(energy(concealment.conceal(160))).toBe(0);
});
