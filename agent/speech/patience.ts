/** What has happened when the caller is asked to repeat; a line on the call's timeline. */
export type Missed =
  | 'no reply was heard in time'
  | 'the reply came to nothing'
  | 'the reply stopped in its middle'
  | 'the reply was more silence than speech'
  | 'the caller spoke and no word was recognised';

export interface PatienceOptions {
  /** Silence that a caller to whom we owe a word bears, ms. */
  readonly replyMs: number;
  /** How often in a row the caller is asked to repeat before the call is given up. */
  readonly maxMissed: number;
  /** Ask the caller to repeat. */
  onMissed(why: Missed): void;
  /** It happened too often in a row, or not even that was heard: apologise and hang up. */
  onGivenUp(why: Missed): void;
  /** Neither has spoken for this long, and nobody owes the other a word, ms. */
  readonly idleMs: number;
  /** The `times`-th such silence since the caller last spoke. */
  onSilence(times: number): void;
}

/** A speech of the agent's, from being thought of to its end. */
export type Speech = object;

/** Voice without words that is no cough and no "mm-hm": somebody speaks, and is not understood. */
const UNHEARD_VOICE_MS = 1_000;
/** Whoever is quiet for so long has finished, or waits. */
const PAUSE_MS = 700;
/** Sounds that are further apart are no sentence. */
const VOICE_GAP_MS = 2_000;

/**
 * Sees to it that a caller is never left in silence, by nothing but what they hear and say: no
 * provider's word counts. It has one clock, the silence on the line, and one question, who owes the
 * next word. The agent does from the answer on until its greeting was heard, and from the caller's
 * words until a reply was heard to its end; then the caller may take their time.
 */
export class Patience {
  readonly #options: PatienceOptions;
  readonly #signal: AbortSignal;
  /** Those that have not ended, by the order in which they began. */
  readonly #speeches = new Map<Speech, number>();
  #begun = 0;
  #timer: NodeJS.Timeout | undefined;
  #due = Infinity;
  /** Since when the agent owes a word. */
  #owedSince: number | undefined;
  #lastWords = 0;
  #lastVoice = 0;
  #heardUntil = 0;
  /** Something was heard since it was owed. */
  #isHeard = false;
  /** The reply is over or broken, and was not what was owed. */
  #isLost = false;
  #unheardVoice = 0;
  #starved = 0;
  #missed = 0;
  #silences = 0;
  #isApology = false;
  /** Nobody is on the line. */
  #isResting = true;

  constructor(options: PatienceOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Nothing was heard of the agent since the caller spoke. */
  get isUnanswered(): boolean {
    return this.#owedSince !== undefined && !this.#isHeard;
  }

  /** The caller waits for a word: they have been answered, or are back. */
  owe(): void {
    this.#isResting = false;
    this.#owedSince = Date.now();
    this.#isHeard = false;
    this.#unheardVoice = 0;
    this.#starved = 0;
    this.#arm();
  }

  /** There is no caller to be patient with until a word is owed again. */
  rest(): void {
    this.#isResting = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Words of the caller's were recognised. */
  words(): void {
    if (this.#isResting) return;
    this.#lastWords = Date.now();
    this.#silences = 0;
    this.owe();
  }

  /** A voice was heard of the caller for so long. */
  voice(ms: number): void {
    if (Date.now() - this.#lastVoice > VOICE_GAP_MS) this.#unheardVoice = 0;
    this.#lastVoice = Date.now();
    if (this.#isResting || this.#owedSince !== undefined || this.#speeches.size > 0) return;
    this.#unheardVoice += ms;
    if (this.#unheardVoice < UNHEARD_VOICE_MS) return;
    this.#silences = 0;
    this.owe();
    this.#unheardVoice = UNHEARD_VOICE_MS;
  }

  /** The caller hears the agent until then. */
  heard(until: number): void {
    this.#heardUntil = until;
    this.#isHeard = true;
    this.#unheardVoice = 0;
  }

  /** In mid-speech the caller heard nothing for so long. */
  starved(ms: number): void {
    this.#starved += ms;
    if (this.#starved > this.#options.replyMs) this.#miss('the reply was more silence than speech');
  }

  /** What is begun is to be heard. */
  begins(speech: Speech): void {
    this.#speeches.set(speech, this.#begun++);
    this.#isLost = false;
    if (this.#owedSince === undefined && !this.#isResting) this.owe();
  }

  ends(speech: Speech, wasInterrupted: boolean): void {
    const order = this.#speeches.get(speech) ?? 0;
    this.#speeches.delete(speech);
    if (this.#owedSince === undefined || this.#signal.aborted) return;
    const isLast = [...this.#speeches.values()].every((other) => other < order);
    // What was heard of it was an answer to something else.
    if (wasInterrupted) this.#isHeard = false;
    else if (isLast) this.#settle();
    this.#arm();
  }

  /** A provider has given up on the speech: what was heard of it was not all. */
  fails(): void {
    if (!this.#isApology) this.#isLost = true;
  }

  /** Nothing more is on its way to the caller. */
  #settle(): void {
    if (!this.#isHeard || this.#isLost) {
      this.#isLost = true;
      return;
    }
    this.#owedSince = undefined;
    if (!this.#isApology) this.#missed = 0;
    this.#isApology = false;
  }

  #deadline(): number {
    const { replyMs, idleMs } = this.#options;
    const spoke = Math.max(this.#lastWords, this.#lastVoice);
    if (this.#owedSince === undefined) return Math.max(this.#heardUntil, spoke) + idleMs;
    if (this.#isLost && this.#speeches.size === 0) {
      return Math.max(this.#heardUntil, spoke + PAUSE_MS);
    }
    const since = Math.max(this.#owedSince, this.#lastWords, this.#heardUntil);
    // Who speaks on is not interrupted; a noise that sounds like it delays no reply for ever.
    return Math.min(Math.max(since, this.#lastVoice), since + replyMs) + replyMs;
  }

  #arm(): void {
    if (this.#signal.aborted || this.#isResting) return;
    const due = this.#deadline();
    if (this.#timer && this.#due <= due) return; // it looks again then
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#onTime(), Math.max(0, due - Date.now()));
  }

  #onTime(): void {
    this.#timer = undefined;
    if (Date.now() < this.#deadline()) return this.#arm();
    if (this.#owedSince !== undefined) this.#miss(this.#why());
    else {
      this.owe();
      this.#options.onSilence(++this.#silences);
    }
  }

  #why(): Missed {
    if (this.#unheardVoice > 0) return 'the caller spoke and no word was recognised';
    if (this.#isLost) return 'the reply came to nothing';
    return this.#isHeard ? 'the reply stopped in its middle' : 'no reply was heard in time';
  }

  #miss(why: Missed): void {
    if (this.#signal.aborted || this.#isResting) return;
    const isUnheard = this.#isApology && !this.#isHeard;
    if (++this.#missed > this.#options.maxMissed || isUnheard) {
      return this.#options.onGivenUp(why);
    }
    this.#isLost = false;
    this.#isApology = true;
    this.owe();
    this.#options.onMissed(why);
  }
}
