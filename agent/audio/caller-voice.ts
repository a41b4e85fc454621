import { EventEmitter } from 'node:events';
// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import inference from '@livekit/local-inference';
import type { AudioFrame } from '@livekit/rtc-node';

// oxlint-disable-next-line import/no-named-as-default-member -- as above
const { VAD_WINDOW_SAMPLES, createVad } = inference;

/** As the session's own: codec noise and side tone score up to there. */
const THRESHOLD = 0.6;
/** Hz; what the model hears. */
const RATE = 16_000;
const WINDOW_MS = (VAD_WINDOW_SAMPLES / RATE) * 1000;

/**
 * Hears when the caller speaks, whatever a recogniser makes of it. The model costs a thousandth of
 * a core, so it listens all the time; it decides about no turn.
 */
export class CallerVoice extends EventEmitter<{ voice: [ms: number] }> {
  readonly #vad = createVad();
  readonly #window = new Int16Array(VAD_WINDOW_SAMPLES);
  #length = 0;
  #judging: Promise<void> | undefined;

  /** @param frame of 16 kHz */
  hear({ data }: Pick<AudioFrame, 'data'>): void {
    for (let at = 0; at < data.length;) {
      const part = data.subarray(at, at + VAD_WINDOW_SAMPLES - this.#length);
      this.#window.set(part, this.#length);
      this.#length += part.length;
      at += part.length;
      if (this.#length < VAD_WINDOW_SAMPLES) return;
      this.#length = 0;
      // A machine that is too busy for it hears less, and none of it late.
      this.#judging ??= this.#judge(this.#window.slice());
    }
  }

  /** Resolves when all that was heard is judged. */
  get judged(): Promise<void> {
    return this.#judging ?? Promise.resolve();
  }

  async #judge(window: Int16Array): Promise<void> {
    try {
      if ((await this.#vad.predict(window)) >= THRESHOLD) this.emit('voice', WINDOW_MS);
    } catch {
      // The caller's words tell of them, too.
    } finally {
      this.#judging = undefined;
    }
  }
}
