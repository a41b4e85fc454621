/** A jump ahead that is still taken for loss, packets (5 s at 20 ms); RFC 3550 A.1 has 3000. */
const MAX_DROPOUT = 250;
/** How far behind a packet may be and still be of this stream (RFC 3550 A.1). */
const MAX_MISORDER = 100;
const SAMPLES_PER_MS = 8;

export interface Accepted {
  /** Sequence number without wrap-around. */
  readonly sequence: number;
  /** Timestamp without wrap-around, samples. */
  readonly timestamp: number;
  /** A new stream begins with this packet: what was buffered belongs to the old one. */
  readonly restarted: boolean;
}

/**
 * The far end's stream: which packets belong to it, and its interarrival jitter (RFC 3550 §6.4.1,
 * A.1, A.8). The first packet is taken at once. Another SSRC, or a sequence that jumped, is taken
 * only when two packets of it follow each other, so that a stray packet cannot cut a call's audio.
 */
export class RtpSource {
  #ssrc: number | undefined;
  #sequence = 0;
  #timestamp = 0;
  #candidate: { ssrc: number; sequence: number } | undefined;
  #transit: number | undefined;
  #jitter = 0;

  /** Interarrival jitter, ms. */
  get jitter(): number {
    return this.#jitter;
  }

  /** Undefined: the packet is not of the stream. */
  accept(ssrc: number, sequence: number, timestamp: number): Accepted | undefined {
    if (this.#ssrc === undefined) return this.#restart(ssrc, sequence, timestamp);
    const ahead = ((sequence - this.#sequence) << 16) >> 16;
    if (ssrc !== this.#ssrc || ahead > MAX_DROPOUT || ahead < -MAX_MISORDER) {
      const follows =
        this.#candidate?.ssrc === ssrc && ((this.#candidate.sequence + 1) & 0xffff) === sequence;
      if (follows) return this.#restart(ssrc, sequence, timestamp);
      this.#candidate = { ssrc, sequence };
      return undefined;
    }
    const accepted = {
      sequence: this.#sequence + ahead,
      timestamp: this.#timestamp + ((timestamp - this.#timestamp) | 0),
      restarted: false,
    };
    if (ahead > 0) {
      this.#sequence = accepted.sequence;
      this.#timestamp = accepted.timestamp;
    }
    return accepted;
  }

  /** Takes an audio packet's arrival into the jitter. @param now - ms, monotonic. */
  measure(timestamp: number, now: number): void {
    const transit = now - timestamp / SAMPLES_PER_MS;
    if (this.#transit !== undefined) {
      this.#jitter += (Math.abs(transit - this.#transit) - this.#jitter) / 16;
    }
    this.#transit = transit;
  }

  #restart(ssrc: number, sequence: number, timestamp: number): Accepted {
    this.#ssrc = ssrc;
    this.#sequence = sequence;
    this.#timestamp = timestamp;
    this.#candidate = undefined;
    this.#transit = undefined;
    return { sequence, timestamp, restarted: true };
  }
}
