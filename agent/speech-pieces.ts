/** Deepgram takes no more characters in one message. */
const LONGEST = 2_000;
/**
 * A reply is spoken in pieces of whole sentences and about this many characters: half a minute of
 * speech, so that Deepgram's 20 flushes a minute are far away.
 */
const USUAL = 400;
/** The first sentence; "Yes." is not worth a synthesis of its own and takes the next one along. */
const FIRST_SENTENCE = /^.{8,}?[.!?…]["')\]]?\s/s;
const SENTENCE_END = /[.!?…。！？]["')\]]?\s+|\n+/g;
/** Fast speech has 20 letters a second; what has twice as many is not all there. */
const MOST_LETTERS_PER_SECOND = 40;
/** 150 words a minute. */
const USUAL_LETTERS_PER_SECOND = 13;

/** Whether there is anything in it to pronounce: a voice has no sound for "…" or an emoji. */
export function isPronounceable(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}

/**
 * How many characters of a reply's text are the next piece to speak; 0: wait for more of it. The
 * first sentence is spoken as soon as it is whole, because the caller waits for it.
 */
export function nextPiece(text: string, options: { isFirst: boolean; isWhole: boolean }): number {
  const first = options.isFirst ? (FIRST_SENTENCE.exec(text)?.[0].length ?? 0) : 0;
  if (first > 0 && first <= LONGEST) return first;
  if (text.length <= USUAL) return options.isWhole ? text.length : 0;
  const ends = [...text.matchAll(SENTENCE_END)].map(({ 0: mark, index }) => index + mark.length);
  const end = ends.findLast((at) => at <= USUAL) ?? ends.find((at) => at <= LONGEST);
  if (end !== undefined) return end;
  if (text.length <= LONGEST) return options.isWhole ? text.length : 0;
  const space = text.lastIndexOf(' ', LONGEST - 1);
  if (space > 0) return space + 1;
  return text.slice(0, LONGEST).isWellFormed() ? LONGEST : LONGEST - 1; // between two halves
}

/** Whether so much text can have been spoken in that time. */
export function isAllSpoken(text: string, seconds: number): boolean {
  return lettersOf(text) <= seconds * MOST_LETTERS_PER_SECOND;
}

/**
 * The words of a text that have been heard when `heard` seconds of its `seconds` have; Infinity:
 * nobody knows how long it will be. They are reckoned by their letters, and whole.
 */
export function wordsHeard(text: string, heard: number, seconds: number): string {
  const isAll = isAllSpoken(text, seconds);
  if (isAll && heard >= seconds) return text;
  const letters =
    isAll && seconds < Infinity
      ? (lettersOf(text) * heard) / seconds
      : heard * USUAL_LETTERS_PER_SECOND;
  let passed = 0;
  const words = text.match(/\s*\S+/g) ?? [];
  const beyond = words.findIndex((word) => {
    const length = lettersOf(word);
    passed += length;
    return passed - length / 2 > letters; // most of it counts as the word
  });
  return (beyond < 0 ? words : words.slice(0, beyond)).join('');
}

function lettersOf(text: string): number {
  return text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
}
