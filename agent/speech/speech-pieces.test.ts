import { expect, test } from 'vitest';
import { isPronounceable, nextPiece } from './speech-pieces.ts';
import { wordsHeard, isAllSpoken } from '../audio/words-heard.ts';

/** The pieces that a text is spoken in when it is there as a whole. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = nextPiece(text.slice(at), { isFirst: at === 0, isWhole: true });
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

test('the first sentence does not wait for the next, and a short one takes it along', () => {
  const isFirst = { isFirst: true, isWhole: false };
  expect(nextPiece('We are open.', isFirst)).toBe(0);
  expect(nextPiece('We are open. Come', isFirst)).toBe('We are open. '.length);
  expect(nextPiece('Yes. We are', isFirst)).toBe(0);
  expect(nextPiece('Yes. We are open. Come', isFirst)).toBe('Yes. We are open. '.length);
});

test('the rest waits until there is enough of it, or no more', () => {
  const rest = { isFirst: false, isWhole: false };
  const sentence = 'This sentence has fifty characters, more or less. ';
  expect(nextPiece(sentence.repeat(7), rest)).toBe(0);
  expect(nextPiece(sentence.repeat(9), rest)).toBe(sentence.length * 8);
  expect(nextPiece(sentence, { isFirst: false, isWhole: true })).toBe(sentence.length);
});

test('forty sentences: all of them, in whole sentences, within what Deepgram takes', () => {
  const sentences = Array.from(
    { length: 40 },
    (_, n) => `This is sentence number ${n} of a reply that is far too long. `,
  );
  const pieces = piecesOf(sentences.join(''));
  expect(pieces.join('')).toBe(sentences.join(''));
  expect(pieces[0]).toBe(sentences[0]);
  expect(pieces.every((piece) => piece.length <= 2000 && piece.endsWith('long. '))).toBe(true);
  expect(pieces.length).toBeLessThan(12);
});

test.each([
  ['one sentence without an end', 'word '.repeat(1000)],
  ['no spaces at all', 'x'.repeat(5000)],
  ['surrogate pairs', `x${'𝒳'.repeat(3000)}`],
])('%s is cut where it must be', (_what, text) => {
  const pieces = piecesOf(text);
  expect(pieces.join('')).toBe(text);
  expect(pieces.every((piece) => piece.length <= 2000 && piece.isWellFormed())).toBe(true);
});

test('what has no sound is not worth a word', () => {
  expect(['Yes', '8', 'да'].map(isPronounceable)).toEqual([true, true, true]);
  expect(['', ' \n', '…', '🙂', '—!'].map(isPronounceable)).toEqual(Array(5).fill(false));
});

test('a piece whose audio is too short was not spoken as a whole', () => {
  expect(isAllSpoken('For how many people?', 1.2)).toBe(true);
  expect(isAllSpoken('One sentence of many. '.repeat(20), 2)).toBe(false);
});

test('of a piece that breaks off, the words until then were heard', () => {
  const text = 'We are open from Tuesday to Sunday.';
  expect(wordsHeard(text, 3, 3)).toBe(text);
  expect(wordsHeard(text, 1.5, 3)).toBe('We are open from');
  expect(wordsHeard(text, 0.01, 3)).toBe('');
  expect(wordsHeard(text, 1.1, Infinity)).toBe('We are open from');
  // Only the first of many sentences has a sound.
  expect(wordsHeard('One sentence of many. '.repeat(20), 2, 2)).toBe(
    'One sentence of many. One sentence',
  );
});
