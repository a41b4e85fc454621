import type { Match, Recogniser } from './recogniser.ts';
import { UNKNOWN_CONFIDENCE, UNKNOWN_TEXT } from './recogniser.ts';
import { SpeechDetector, levelOf } from './speech-detector.ts';
import { HOP, RATE, WINDOW, bandPowers } from './spectrum.ts';

/** Pauses within a phrase are shorter; speech that is no phrase ends after this silence, ms. */
const HOLD_MS = 350;
/** Speech is cut into pieces of at most this length, ms, as Deepgram does. */
const LONGEST_MS = 12_000;
/** Sound kept from before speech is noticed, ms. */
const PRE_ROLL_MS = 100;
/** Shorter sounds that are no phrase are taken for noise, ms. */
const SHORTEST_UNKNOWN_MS = 200;
/** Speech of this length that fits no phrase is reported as unknown while it goes on, ms. */
const UNKNOWN_AFTER_MS = 700;
/** Speech needed before a guess, ms. */
const GUESS_AFTER_MS = 250;
const MS_PER_FRAME = (HOP / RATE) * 1000;
/** What a frame looks at beyond the next frame's beginning, ms. */
const MS_AFTER_HOP = ((WINDOW - HOP) / RATE) * 1000;

export interface TranscriberOptions {
  readonly recogniser: Recogniser;
  /** ISO 639-1; undefined: any. */
  readonly language: string | undefined;
  /** Silence that ends an utterance, ms; undefined: only `finalize` and length do. */
  readonly endpointingMs: number | undefined;
  /** Audio between two guesses while somebody speaks, ms. */
  readonly interimMs: () => number;
}

/** Times are in ms of audio since the stream began. */
export type TranscriberEvent =
  | { readonly type: 'started'; readonly at: number }
  | {
      readonly type: 'transcript';
      /** Empty when there was sound but no speech. */
      readonly text: string;
      readonly confidence: number;
      readonly startMs: number;
      /** For a known phrase where its sound fades out, which may be a little ahead. */
      readonly endMs: number;
      /** interim: a guess. endpoint: silence ended it. flushed: asked for. cut: too long. */
      readonly cause: Cause;
    };

type Cause = 'interim' | 'endpoint' | 'flushed' | 'cut';

/** Turns a stream of PCM16 at 8 kHz into transcripts of utterances; runs on the audio's clock. */
export class Transcriber {
  readonly #options: TranscriberOptions;
  readonly #detector = new SpeechDetector();
  /** Audio from `#base` (in frames since the stream began) on. */
  #audio = new Int16Array(RATE);
  #length = 0;
  #base = 0;
  #frame = 0;
  /** Band powers of the utterance's frames from `#start` on. */
  #powers: Float32Array[] = [];
  #start = 0;
  #lastSpeech = 0;
  #lastSound = 0;
  #lastGuess = 0;
  #guessed = '';
  #judged = false;
  /** The faint end of a phrase that was understood is no new utterance. */
  #deafUntil = 0;

  constructor(options: TranscriberOptions) {
    this.#options = options;
  }

  /** Audio taken so far, ms. */
  get position(): number {
    return this.#frame * MS_PER_FRAME;
  }

  get speaking(): boolean {
    return this.#detector.speaking;
  }

  /** End of the last speech heard, ms. */
  get speechEnd(): number {
    return (this.#lastSpeech + 1) * MS_PER_FRAME + MS_AFTER_HOP / 2;
  }

  push(pcm: Int16Array): TranscriberEvent[] {
    this.#append(pcm);
    const events: TranscriberEvent[] = [];
    while ((this.#frame - this.#base) * HOP + WINDOW <= this.#length) {
      this.#takeFrame(events);
      this.#frame++;
    }
    if (!this.#detector.speaking) this.#forget();
    return events;
  }

  /** Ends the utterance at once, if there is one. */
  flush(): TranscriberEvent[] {
    if (!this.#detector.speaking) return [];
    return [this.#conclude(this.#match(false), 'flushed')];
  }

  #takeFrame(events: TranscriberEvent[]): void {
    const offset = (this.#frame - this.#base) * HOP;
    const middle = offset + (WINDOW - HOP) / 2;
    if (this.#frame < this.#deafUntil) return;
    const wasSpeaking = this.#detector.speaking;
    const speech = this.#detector.push(levelOf(this.#audio, middle, middle + HOP));
    if (this.#detector.audible) this.#lastSound = this.#frame;
    if (!this.#detector.speaking) return;
    if (!wasSpeaking) this.#begin(events);
    else this.#powers.push(bandPowers(this.#audio, offset));
    if (speech) {
      this.#lastSpeech = this.#frame;
      this.#judged = false;
      this.#guess(events);
    } else this.#listenForEnd(events);
    const length = (this.#frame - this.#start) * MS_PER_FRAME;
    if (this.#detector.speaking && length >= LONGEST_MS) {
      events.push(this.#conclude(this.#match(false), 'cut'));
    }
  }

  #begin(events: TranscriberEvent[]): void {
    this.#start = Math.max(this.#base, this.#frame - PRE_ROLL_MS / MS_PER_FRAME);
    for (let frame = this.#start; frame <= this.#frame; frame++) {
      this.#powers.push(bandPowers(this.#audio, (frame - this.#base) * HOP));
    }
    this.#lastSpeech = this.#frame;
    this.#lastGuess = this.#frame;
    this.#guessed = '';
    events.push({ type: 'started', at: this.#start * MS_PER_FRAME });
  }

  #guess(events: TranscriberEvent[]): void {
    const since = (this.#frame - this.#lastGuess) * MS_PER_FRAME;
    const length = (this.#frame - this.#start) * MS_PER_FRAME;
    if (since < this.#options.interimMs() || length < GUESS_AFTER_MS + PRE_ROLL_MS) return;
    this.#lastGuess = this.#frame;
    const match = this.#match(true);
    const text = match ? wordsHeard(match) : length >= UNKNOWN_AFTER_MS ? UNKNOWN_TEXT : '';
    if (text === '' || text === this.#guessed) return;
    this.#guessed = text;
    events.push(this.#transcript(text, match?.confidence ?? UNKNOWN_CONFIDENCE, 'interim'));
  }

  #listenForEnd(events: TranscriberEvent[]): void {
    const { endpointingMs } = this.#options;
    if (endpointingMs === undefined) return;
    const silence = (this.#frame - this.#lastSpeech) * MS_PER_FRAME;
    if (silence < Math.max(MS_PER_FRAME, endpointingMs - MS_AFTER_HOP)) return;
    if (silence >= HOLD_MS) {
      events.push(this.#conclude(this.#match(false), 'endpoint'));
    } else if (!this.#judged) {
      // Silence adds nothing to the sound: it is judged once per pause.
      this.#judged = true;
      const match = this.#match(true);
      if (match?.complete) events.push(this.#conclude(match, 'endpoint'));
    }
  }

  #match(openEnd: boolean): Match | undefined {
    const powers = this.#powers.slice(0, this.#lastSpeech - this.#start + 1);
    return this.#options.recogniser.match(powers, { language: this.#options.language, openEnd });
  }

  #conclude(match: Match | undefined, cause: Exclude<Cause, 'interim'>): TranscriberEvent {
    const spokenMs = (this.#lastSpeech - this.#start) * MS_PER_FRAME - PRE_ROLL_MS;
    const isNoise = !match && spokenMs < SHORTEST_UNKNOWN_MS;
    const text = match?.text ?? (isNoise ? '' : UNKNOWN_TEXT);
    const event = this.#transcript(
      text,
      match?.confidence ?? (isNoise ? 0 : UNKNOWN_CONFIDENCE),
      cause,
      match && this.#phraseEnd(match),
    );
    this.#detector.reset();
    if (match) this.#deafUntil = this.#start + match.end;
    this.#powers = [];
    return event;
  }

  /** Where the faint end of a phrase is or, while it still sounds, will be, ms. */
  #phraseEnd(match: Match): number {
    const expected = this.#start + match.end;
    const stopped = this.#lastSound < this.#frame - 1;
    const end = stopped ? Math.min(expected, this.#lastSound + 1) : expected;
    return Math.max(end * MS_PER_FRAME + MS_AFTER_HOP / 2, this.speechEnd);
  }

  #transcript(
    text: string,
    confidence: number,
    cause: Cause,
    endMs = this.speechEnd,
  ): TranscriberEvent {
    const startMs = this.#start * MS_PER_FRAME;
    return { type: 'transcript', text, confidence, startMs, endMs, cause };
  }

  #append(pcm: Int16Array): void {
    const needed = this.#length + pcm.length;
    if (needed > this.#audio.length) {
      const larger = new Int16Array(Math.max(needed, this.#audio.length * 2));
      larger.set(this.#audio.subarray(0, this.#length));
      this.#audio = larger;
    }
    this.#audio.set(pcm, this.#length);
    this.#length = needed;
  }

  /** Drops audio that no utterance can begin with any more. */
  #forget(): void {
    const keep = this.#frame - PRE_ROLL_MS / MS_PER_FRAME;
    const frames = keep - this.#base;
    if (frames < 50) return;
    this.#audio.copyWithin(0, frames * HOP, this.#length);
    this.#length -= frames * HOP;
    this.#base = keep;
  }
}

/** The words of a phrase that lie within the share that was heard. */
function wordsHeard({ text, heard }: Match): string {
  const limit = text.length * heard;
  let length = 0;
  const words = text.split(' ').filter((word) => {
    length += word.length + 1;
    return length - 1 <= limit;
  });
  return words.join(' ');
}
