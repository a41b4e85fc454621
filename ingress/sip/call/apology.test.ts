import { expect, it } from 'vitest';
import { apologyFor, play } from './apology.ts';

it.each(['en', 'en-GB', 'ru', 'ru-RU', 'tr'])('can be heard in %s', (language) => {
  const pcm = apologyFor(language);
  const seconds = pcm.length / 8000;
  expect(seconds).toBeGreaterThan(3);
  expect(seconds).toBeLessThan(15);
  expect(Math.max(...pcm)).toBeGreaterThan(8_000);
});

it('is spoken in the language of the line, English where there is none', () => {
  expect(apologyFor('ru-RU')).toBe(apologyFor('ru'));
  expect(apologyFor('ru')).not.toBe(apologyFor('en'));
  expect(apologyFor('tr')).toBe(apologyFor('en'));
});

it('is played in frames of 20 ms, the last one filled with silence', async () => {
  const pcm = new Int16Array(200).fill(7);
  const frames: Int16Array[] = [];
  await play(pcm, (frame) => frames.push(frame), new AbortController().signal);
  expect(frames.map((frame) => frame.length)).toEqual([160, 160]);
  expect(frames.flatMap((frame) => [...frame]).filter((sample) => sample === 7)).toHaveLength(200);
});

it('stops when the caller hangs up', async () => {
  const hangup = new AbortController();
  let frames = 0;
  const playing = play(
    apologyFor('en'),
    () => {
      frames += 1;
      if (frames === 3) hangup.abort();
    },
    hangup.signal,
  );
  await playing;
  expect(frames).toBe(3);
});
