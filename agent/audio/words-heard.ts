/** Fast speech has 20 letters a second; what has twice as many is not all there. */
const MOST_LETTERS_PER_SECOND = 40;
/** 150 words a minute. */
const USUAL_LETTERS_PER_SECOND = 13;

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
