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
