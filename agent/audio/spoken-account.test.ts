import { AudioFrame } from '@livekit/rtc-node';
import { expect, test } from 'vitest';
import { SpokenAccount, TIMED_TRANSCRIPT } from './spoken-account.ts';

const RATE = 24_000;
const OPEN = 'We are open from Tuesday to Sunday.';
const CLOSES = 'The kitchen closes at half past nine.';

/** Half a second of it. */
function frame(text?: string, options: { endTime?: number; level?: number } = {}): AudioFrame {
  const { level = 3_000, ...times } = options;
  const samples = new Int16Array(RATE / 2).fill(level);
  const words = text === undefined ? {} : { [TIMED_TRANSCRIPT]: [{ text, ...times }] };
  return new AudioFrame(samples, RATE, 1, samples.length, words);
}

function account(...frames: AudioFrame[]): SpokenAccount {
  const spoken = new SpokenAccount();
  for (const one of frames) spoken.add(one);
  return spoken;
}

test('what was played to its end was said, with one space between its pieces', () => {
  const spoken = account(frame(OPEN), frame(), frame(), frame(), frame(CLOSES), frame(), frame());
  expect(spoken.said(3.5, true)).toBe(`${OPEN} ${CLOSES}`);
  expect(account(frame(`${OPEN} `), frame(), frame(CLOSES), frame()).said(2, true)).toBe(
    `${OPEN} ${CLOSES}`,
  );
});

test('of what breaks off, the words until then', () => {
  const spoken = account(frame(OPEN), frame(), frame(), frame(), frame(CLOSES), frame());
  expect(spoken.said(1, false)).toBe('We are open from');
  expect(spoken.said(2.4, false)).toBe(`${OPEN} The`);
  expect(spoken.said(0, false)).toBe('');
});

test('silence says nothing, and takes nothing away', () => {
  const silence = { level: 0 };
  expect(account(frame(OPEN, silence), frame(undefined, silence)).said(1, true)).toBe('');
  const spoken = account(frame(OPEN), frame(), frame(), frame(), frame(undefined, silence));
  expect(spoken.said(2.1, true)).toBe(OPEN);
});

test('where the length is known, the words are reckoned by it', () => {
  expect(account(frame(OPEN, { endTime: 5 }), frame()).said(1, false)).toBe('We are');
});

test('a voice that does not tell its words says nobody knows what', () => {
  expect(account(frame(), frame()).said(1, true)).toBeUndefined();
});
