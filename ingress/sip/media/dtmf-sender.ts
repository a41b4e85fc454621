import { formatTelephoneEvent } from './telephone-event.ts';

/** The final packet is sent three times in all (RFC 4733 §2.5.1.4). */
const ENDS = 3;
/** Silence after a digit, ms: below 40 the far end may take two digits for one (ITU-T Q.24). */
const PAUSE = 60;
/** The duration field ends here; a longer digit is cut. */
const MAX_DURATION = 0xffff;
const SAMPLES_PER_MS = 8;

export interface DtmfPacket {
  readonly payload: Uint8Array;
  /** First packet of the event. */
  readonly marker: boolean;
  /** How many samples ago the event began: its packets all bear that timestamp. */
  readonly age: number;
}

/** The telephone-event packets of queued digits, one for each packet time (RFC 4733 §2.5.1). */
export class DtmfSender {
  readonly #digits: { digit: string; duration: number }[] = [];
  #elapsed = 0;
  #ends = 0;

  get active(): boolean {
    return this.#digits.length > 0;
  }

  /** @param ms - how long the key is held. */
  push(digit: string, ms: number): void {
    const duration = Math.min(MAX_DURATION, Math.round(ms * SAMPLES_PER_MS));
    this.#digits.push({ digit: digit.toUpperCase(), duration });
  }

  clear(): void {
    this.#digits.length = 0;
    this.#elapsed = 0;
    this.#ends = 0;
  }

  /** What to send now: undefined in the pause after a digit. @param samples - packet time. */
  next(samples: number): DtmfPacket | undefined {
    const current = this.#digits[0];
    if (current === undefined) return undefined;
    const age = this.#elapsed;
    this.#elapsed += samples;
    if (this.#ends >= ENDS) {
      if (this.#elapsed - current.duration >= PAUSE * SAMPLES_PER_MS) this.#finish();
      return undefined;
    }
    const duration = Math.min(this.#elapsed, current.duration);
    const end = this.#elapsed >= current.duration;
    if (end) this.#ends++;
    const payload = formatTelephoneEvent({ digit: current.digit, end, duration });
    return { payload, marker: age === 0, age };
  }

  #finish(): void {
    this.#digits.shift();
    this.#elapsed = 0;
    this.#ends = 0;
  }
}
