import { expect, test } from 'vitest';
import type { Match, Recogniser } from './recogniser.ts';
import { UNKNOWN_TEXT } from './recogniser.ts';
import { Transcriber, type TranscriberEvent } from './transcriber.ts';

const MATCH: Match = {
  text: 'For four people.',
  confidence: 0.9,
  end: 0,
  heard: 1,
  complete: true,
};

/** Says of any sound what `judge` says of its length in ms. */
function listener(
  judge: (ms: number) => Match | undefined,
  endpointingMs: number | undefined = 30,
): Transcriber {
  const recogniser: Recogniser = {
    match: (frames) => judge(frames.length * 10),
    recognise: () => ({ text: '', confidence: 0 }),
  };
  return new Transcriber({
    recogniser,
    language: 'en',
    endpointingMs,
    interimMs: () => 200,
  });
}

function sound(ms: number): Int16Array {
  return Int16Array.from({ length: ms * 8 }, (_, index) =>
    Math.round(9000 * Math.sin(index * 0.6)),
  );
}

function silence(ms: number): Int16Array {
  return new Int16Array(ms * 8);
}

/** In packets of 20 ms, as a telephone sends it. */
function play(transcriber: Transcriber, ...parts: Int16Array[]): TranscriberEvent[] {
  const all = Int16Array.from(parts.flatMap((part) => [...part]));
  const events: TranscriberEvent[] = [];
  for (let start = 0; start < all.length; start += 160) {
    events.push(...transcriber.push(all.subarray(start, start + 160)));
  }
  return events;
}

function finals(events: readonly TranscriberEvent[]) {
  return events.filter((event) => event.type === 'transcript' && event.cause !== 'interim');
}

test('silence is not transcribed', () => {
  expect(
    play(
      listener(() => MATCH),
      silence(3000),
    ),
  ).toEqual([]);
});

test('an utterance starts, is guessed at, and ends after the endpointing silence', () => {
  const transcriber = listener(() => MATCH);
  const during = play(transcriber, silence(500), sound(800));
  expect(during[0]).toMatchObject({ type: 'started' });
  expect(during.filter((event) => event.type === 'transcript')).toMatchObject([
    { text: MATCH.text, cause: 'interim' },
  ]);
  const [final, ...more] = finals(play(transcriber, silence(80)));
  expect(final).toMatchObject({ text: MATCH.text, confidence: 0.9, cause: 'endpoint' });
  expect(more).toEqual([]);
  if (final?.type !== 'transcript') throw new Error('no transcript');
  expect(final.startMs).toBeGreaterThan(350);
  expect(final.startMs).toBeLessThanOrEqual(500);
  expect(Math.abs(final.endMs - 1300)).toBeLessThan(40);
});

test('a pause within a phrase does not end it', () => {
  const transcriber = listener((ms) => (ms > 900 ? MATCH : { ...MATCH, complete: false }));
  expect(finals(play(transcriber, sound(400), silence(200), sound(400)))).toEqual([]);
  expect(finals(play(transcriber, silence(100)))).toHaveLength(1);
});

test('unknown speech ends after a longer silence and is said to be unknown', () => {
  const transcriber = listener(() => undefined);
  expect(finals(play(transcriber, sound(900), silence(200)))).toEqual([]);
  const [final] = finals(play(transcriber, silence(300)));
  expect(final).toMatchObject({ text: UNKNOWN_TEXT, cause: 'endpoint' });
  expect(final?.type === 'transcript' && final.confidence).toBeLessThan(0.3);
});

test('a short noise has no text', () => {
  const transcriber = listener(() => undefined);
  const [final] = finals(play(transcriber, silence(200), sound(100), silence(600)));
  expect(final).toMatchObject({ text: '', confidence: 0 });
});

test('a flush ends the utterance at once, and only if there is one', () => {
  const transcriber = listener(() => MATCH);
  expect(transcriber.flush()).toEqual([]);
  play(transcriber, sound(500));
  expect(transcriber.flush()).toMatchObject([{ text: MATCH.text, cause: 'flushed' }]);
  expect(transcriber.flush()).toEqual([]);
});

test('without endpointing only length ends an utterance', () => {
  const recogniser: Recogniser = {
    match: () => MATCH,
    recognise: () => ({ text: '', confidence: 0 }),
  };
  const transcriber = new Transcriber({
    recogniser,
    language: undefined,
    endpointingMs: undefined,
    interimMs: () => 500,
  });
  expect(finals(play(transcriber, sound(500), silence(2000)))).toEqual([]);
  expect(finals(play(transcriber, silence(10_000)))).toMatchObject([{ cause: 'cut' }]);
});

test('the second utterance is as good as the first, at any place in a long stream', () => {
  const transcriber = listener(() => MATCH);
  for (let round = 0; round < 5; round++) {
    const [final] = finals(play(transcriber, silence(5000), sound(500), silence(200)));
    if (final?.type !== 'transcript') throw new Error('no transcript');
    expect(Math.abs(final.endMs - (round * 5700 + 5500))).toBeLessThan(40);
  }
});
