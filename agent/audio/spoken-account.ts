import type { voice } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { isAudible } from './audible.ts';
import { wordsHeard } from './words-heard.ts';

/** Where the SDK's voices write the words that begin with a frame (its types.ts). */
export const TIMED_TRANSCRIPT = 'lk.timed_transcripts';

interface Piece {
  readonly text: string;
  /** Seconds. */
  readonly from: number;
  /** Where its sound ends, so far; known beforehand of what is the same in every call. */
  to: number;
  readonly isKnown: boolean;
}

/** A voice's audio and its words, so that of a reply only what was heard counts as said. */
export class SpokenAccount {
  readonly #pieces: Piece[] = [];
  #seconds = 0;
  #audibleFrom = Infinity;

  get seconds(): number {
    return this.#seconds;
  }

  /** @returns whether a caller can hear anything of it */
  add(frame: AudioFrame): boolean {
    const timed = (frame.userdata[TIMED_TRANSCRIPT] ?? []) as voice.TimedString[];
    for (const { text, endTime } of timed) {
      const from = this.#seconds;
      this.#pieces.push({ text, from, to: from + (endTime ?? 0), isKnown: endTime !== undefined });
    }
    const audible = isAudible(frame);
    if (audible) this.#audibleFrom = Math.min(this.#audibleFrom, this.#seconds);
    this.#seconds += frame.samplesPerChannel / frame.sampleRate;
    const piece = this.#pieces.at(-1);
    if (audible && piece && !piece.isKnown) piece.to = this.#seconds;
    return audible;
  }

  /**
   * The words in the first `played` seconds; undefined where the voice does not tell its words.
   * @param isWhole no more audio of it will come
   */
  said(played: number, isWhole: boolean): string | undefined {
    if (played <= this.#audibleFrom) return '';
    if (this.#pieces.length === 0) return undefined;
    const heard = this.#pieces.map(({ text, from, to, isKnown }, index) => {
      const isAllThere = isKnown || isWhole || index < this.#pieces.length - 1;
      return wordsHeard(text, Math.min(played, to) - from, isAllThere ? to - from : Infinity);
    });
    return heard.filter(Boolean).reduce(join, '').trim();
  }
}

/** Some voices tell their words with the spaces between them, others without. */
function join(before: string, next: string): string {
  return /(^|\s)$/.test(before) || /^\s/.test(next) ? before + next : `${before} ${next}`;
}
