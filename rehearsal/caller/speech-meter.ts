/**
 * Louder than this is speech, dBFS of a packet's root mean square. Telephone speech lies at -30 to
 * -10; G.711's own noise, Opus' rests and a quiet line lie below -50.
 */
const SPEECH_DBFS = -45;
const SPEECH_POWER = (32_768 * 10 ** (SPEECH_DBFS / 20)) ** 2;
/** So much speech must come together to count, ms: a click is not a reply. */
const CONFIRM_MS = 40;

/** Mean power of samples over the speech threshold? */
export function isSpeech(samples: Int16Array): boolean {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return samples.length > 0 && sum / samples.length >= SPEECH_POWER;
}

export interface SpeechMeterOptions {
  /** Silence that ends an utterance, ms. */
  readonly gapMs: number;
  /** An utterance began: `at` is its first packet's arrival, told 40 ms of speech later. */
  readonly onStart: (at: number) => void;
  /** It ended: `at` is its last speech packet's arrival, told `gapMs` later. */
  readonly onEnd: (startedAt: number, at: number) => void;
}

/** Finds utterances in what the caller hears. Times are performance.now() milliseconds. */
export interface SpeechMeter {
  /** Arrival of a packet that is speech or is not; `ms` long. */
  heard(speech: boolean, ms: number, at: number): void;
  /** Time passes, also when no packet comes. */
  tick(now: number): void;
  readonly speaking: boolean;
}

/** Pure but for its callbacks: the clock is the caller's. */
export function createSpeechMeter({ gapMs, onStart, onEnd }: SpeechMeterOptions): SpeechMeter {
  let firstAt = 0;
  let lastAt = 0;
  let speechMs = 0;
  let speaking = false;
  const tick = (now: number): void => {
    if (speaking && now - lastAt >= gapMs) {
      speaking = false;
      speechMs = 0;
      onEnd(firstAt, lastAt);
    }
  };
  return {
    heard(speech, ms, at) {
      tick(at);
      if (!speech) {
        if (!speaking) speechMs = 0;
        return;
      }
      if (!speaking && speechMs === 0) firstAt = at;
      lastAt = at;
      speechMs += ms;
      if (!speaking && speechMs >= CONFIRM_MS) {
        speaking = true;
        onStart(firstAt);
      }
    },
    tick,
    get speaking() {
      return speaking;
    },
  };
}
