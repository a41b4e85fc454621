/** Samples kept to repeat from: 20 ms of correlation over the longest pitch period of 15 ms. */
const HISTORY = 280;
const SHORTEST_PITCH = 40;
const LONGEST_PITCH = 120;
const CORRELATION = 160;
/** Full level for 10 ms, then 20 % less every 10 ms: silent after 60 ms. */
const HOLD = 80;
const FADE = 400;

/**
 * Waveform repetition for what the network lost, after ITU-T G.711 Appendix I: the last pitch
 * period is repeated with a smoothed seam, fades to silence within 60 ms, and is cross-faded
 * into the first good samples. Unlike the Appendix it adds no delay of 3.75 ms: what was played
 * stays as it was, and only the repeated period is smoothed.
 */
export class Concealment {
  readonly #history = new Int16Array(HISTORY);
  #period: Int16Array | undefined;
  #position = 0;

  /** Remembers played samples; returns them, cross-faded when they end a loss. */
  good(pcm: Int16Array): Int16Array {
    const period = this.#period;
    let played = pcm;
    if (period !== undefined) {
      played = pcm.slice();
      const overlap = Math.min(pcm.length, period.length >> 2);
      for (let i = 0; i < overlap; i++) {
        const share = (i + 1) / (overlap + 1);
        played[i] = Math.round((pcm[i] as number) * share + this.#next(period) * (1 - share));
      }
      this.#period = undefined;
    }
    this.#remember(played);
    return played;
  }

  /** `length` samples in place of lost ones. */
  conceal(length: number): Int16Array {
    if (this.#period === undefined) {
      this.#period = this.#lastPeriod();
      this.#position = 0;
    }
    const out = new Int16Array(length);
    for (let i = 0; i < length; i++) out[i] = this.#next(this.#period);
    return out;
  }

  /** Whether what stands in for lost audio is silence by now. */
  get faded(): boolean {
    return this.#period !== undefined && this.#position >= HOLD + FADE;
  }

  /** The far end is known to be silent: nothing of what it said is to be repeated. */
  silence(): void {
    this.#period = new Int16Array(1);
    this.#position = HOLD + FADE;
  }

  #next(period: Int16Array): number {
    const level = Math.max(0, Math.min(1, 1 - (this.#position - HOLD) / FADE));
    const sample = level === 0 ? 0 : (period[this.#position % period.length] as number) * level;
    this.#position++;
    return Math.round(sample);
  }

  #remember(pcm: Int16Array): void {
    if (pcm.length >= HISTORY) {
      this.#history.set(pcm.subarray(pcm.length - HISTORY));
    } else {
      this.#history.copyWithin(0, pcm.length);
      this.#history.set(pcm, HISTORY - pcm.length);
    }
  }

  #lastPeriod(): Int16Array {
    const pitch = this.#pitch();
    const period = this.#history.slice(HISTORY - pitch);
    // The end of the period is blended with what preceded the period, so that it runs on into
    // its own beginning.
    const seam = pitch >> 2;
    for (let i = 0; i < seam; i++) {
      const share = (i + 1) / (seam + 1);
      const at = pitch - seam + i;
      const before = this.#history[HISTORY - pitch - seam + i] as number;
      period[at] = Math.round((period[at] as number) * (1 - share) + before * share);
    }
    return period;
  }

  /** The lag at which the last 20 ms resemble themselves most (normalised cross-correlation). */
  #pitch(): number {
    const start = HISTORY - CORRELATION;
    let best = LONGEST_PITCH;
    let bestScore = 0;
    for (let lag = SHORTEST_PITCH; lag <= LONGEST_PITCH; lag++) {
      let product = 0;
      let energy = 1;
      for (let i = start; i < HISTORY; i++) {
        const past = this.#history[i - lag] as number;
        product += (this.#history[i] as number) * past;
        energy += past * past;
      }
      const score = product / Math.sqrt(energy);
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    return best;
  }
}
