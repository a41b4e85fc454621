/** dBFS that no line noise is expected to reach. */
const LOUDEST_NOISE = -30;
const QUIETEST_NOISE = -75;
/** Below this nothing counts as speech, dBFS. */
const QUIETEST_SPEECH = -50;
/** Speech stands out of the noise by this, dB. */
const ABOVE_NOISE = 9;
/** Fainter than this nothing is heard, dBFS. */
const QUIETEST_SOUND = -55;
/** Within an utterance, what is this far below its loudest frame is silence, dB. */
const BELOW_PEAK = 32;
/** How fast the noise estimate rises, dB per frame of 10 ms. */
const NOISE_RISE = 0.03;
/** Loud frames that make speech of it: clicks are shorter. */
const ONSET_FRAMES = 4;
/** What a quiet frame takes off them: speech with lost packets is speech. */
const GAP_COST = 0.5;

/** Energy endpointing over frames of 10 ms, cheap enough for many streams. */
export class SpeechDetector {
  #noise = -60;
  #peak = -Infinity;
  #onset = 0;
  #speaking = false;
  #audible = false;

  /** The last frame was more than noise, though perhaps too faint for speech. */
  get audible(): boolean {
    return this.#audible;
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /**
   * Takes the level of the next frame in dBFS.
   * @returns whether the frame is part of speech
   */
  push(level: number): boolean {
    this.#noise = Math.min(
      LOUDEST_NOISE,
      Math.max(QUIETEST_NOISE, Math.min(level, this.#noise + NOISE_RISE)),
    );
    this.#audible = level > Math.max(QUIETEST_SOUND, this.#noise + ABOVE_NOISE / 2);
    let threshold = Math.max(QUIETEST_SPEECH, this.#noise + ABOVE_NOISE);
    if (this.#speaking) threshold = Math.max(threshold, this.#peak - BELOW_PEAK);
    const loud = level > threshold;
    this.#onset = loud ? this.#onset + 1 : Math.max(0, this.#onset - GAP_COST);
    if (!this.#speaking && this.#onset >= ONSET_FRAMES) {
      this.#speaking = true;
      this.#peak = level;
    }
    if (this.#speaking && loud) this.#peak = Math.max(this.#peak, level);
    return this.#speaking && loud;
  }

  /** The utterance is over; the next one is judged afresh. */
  reset(): void {
    this.#speaking = false;
    this.#onset = 0;
    this.#peak = -Infinity;
  }
}

/** Level of PCM16 samples in dBFS (a full-scale square wave is 0). */
export function levelOf(pcm: Int16Array, start: number, end: number): number {
  let sum = 0;
  for (let index = start; index < end; index++) sum += (pcm[index] as number) ** 2;
  return 10 * Math.log10(sum / Math.max(1, end - start) / 32768 ** 2 + 1e-10);
}
