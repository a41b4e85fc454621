import { DtmfSender } from './dtmf-sender.ts';
import { encodeG711 } from './g711.ts';
import type { G711Codec } from './g711.ts';
import { SampleQueue } from './sample-queue.ts';

const SAMPLES_PER_MS = 8;
/** How long audio may fail to come before silence is sent in its place, ms. */
const GRACE = 40;
/** Behind by more than this, ms, the missed time is skipped instead of sent late. */
const MAX_BEHIND = 120;
/** A backlog above this is shortened at the next silence, so that a burst leaves no delay. */
const BACKLOG = 40 * SAMPLES_PER_MS;
/** A longer one loses its oldest. After a stall on a busy machine a caller wants the words, late. */
const MAX_BACKLOG = 600 * SAMPLES_PER_MS;
/** Peak below which a frame may be left out unheard: about -50 dBFS. */
const QUIET = 100;
/** Packets over which the sending clock is fitted to the arrivals. */
const WINDOW = 50;

export interface OutgoingPacket {
  readonly payloadType: number;
  readonly payload: Uint8Array;
  readonly marker: boolean;
  /** Not yet wrapped to 32 bits, samples. */
  readonly timestamp: number;
}

export interface RtpSenderFormat {
  readonly codec: G711Codec;
  readonly payloadType: number;
  readonly dtmfPayloadType: number | undefined;
  /** ms of audio per packet. */
  readonly ptime: number;
}

/**
 * The agent's audio as steady RTP. Packets leave at the moment their audio is there, on a clock
 * that follows the latest arrivals of the last second, so nothing waits for a timer; what comes
 * in a burst is spread out again. Missing audio becomes silence, because a far end that hears
 * nothing at all takes the line for dead. The timestamps follow the wall clock throughout.
 *
 * Pure: times are passed in, ms on a monotonic clock; the owner calls `tick` at `deadline`.
 */
export class RtpSender {
  readonly #onPacket: (packet: OutgoingPacket) => void;
  readonly #queue = new SampleQueue();
  readonly #dtmf = new DtmfSender();
  #format: RtpSenderFormat;
  #timestamp: number;
  /** When the next packet is due; undefined: not sending. */
  #due: number | undefined;
  #stoppedAt: number | undefined;
  #talking = false;
  #earliest = Infinity;
  #fitted = 0;

  constructor(
    format: RtpSenderFormat,
    firstTimestamp: number,
    onPacket: (packet: OutgoingPacket) => void,
  ) {
    this.#format = format;
    this.#timestamp = firstTimestamp;
    this.#onPacket = onPacket;
  }

  /** When `tick` is to be called; Infinity while nothing is sent. */
  get deadline(): number {
    if (this.#due === undefined) return Infinity;
    if (this.#dtmf.active) return this.#due;
    if (this.#queue.length >= this.#samples) return this.#due - this.#format.ptime;
    return this.#silenceAt;
  }

  get #silenceAt(): number {
    const expecting = this.#talking || this.#queue.length > 0;
    return (this.#due as number) + (expecting ? GRACE : 0);
  }

  /** Audio that is still to be sent, ms. */
  get backlogMs(): number {
    return this.#queue.length / SAMPLES_PER_MS;
  }

  set format(format: RtpSenderFormat) {
    this.#format = format;
  }

  push(pcm: Int16Array, now: number): void {
    if (this.#queue.length >= BACKLOG && isQuiet(pcm)) return;
    this.#queue.push(pcm);
    this.#queue.dropOldest(this.#queue.length - MAX_BACKLOG);
    this.#begin(now);
    this.tick(now);
  }

  /** False: the far end takes no telephone-event. */
  pushDtmf(digit: string, ms: number, now: number): boolean {
    if (this.#format.dtmfPayloadType === undefined) return false;
    this.#dtmf.push(digit, ms);
    this.#begin(now);
    return true;
  }

  /** Sends nothing until the next `push` (hold). */
  stop(now: number): void {
    this.#queue.dropOldest(this.#queue.length);
    this.#dtmf.clear();
    if (this.#due !== undefined) this.#stoppedAt = now;
    this.#due = undefined;
    this.#talking = false;
  }

  tick(now: number): void {
    if (this.#due === undefined) return;
    const { ptime } = this.#format;
    if (now - this.#due > MAX_BEHIND) this.#skip(Math.floor((now - this.#due) / ptime));
    for (;;) {
      if (this.#dtmf.active) {
        if (now < this.#due) return;
        this.#sendDtmf();
      } else if (this.#queue.length >= this.#samples) {
        if (now < this.#due - ptime) return;
        this.#fit(this.#due - now);
        this.#sendAudio(this.#queue.take(this.#samples), !this.#talking);
        this.#talking = true;
      } else {
        if (now < this.#silenceAt) return;
        const padded = new Int16Array(this.#samples);
        padded.set(this.#queue.take(this.#queue.length));
        this.#talking = false;
        this.#sendAudio(padded, false);
      }
    }
  }

  get #samples(): number {
    return this.#format.ptime * SAMPLES_PER_MS;
  }

  #begin(now: number): void {
    if (this.#due !== undefined) return;
    this.#due = now;
    if (this.#stoppedAt === undefined) return;
    this.#skip(Math.floor((now - this.#stoppedAt) / this.#format.ptime));
    this.#due = now;
  }

  #skip(packets: number): void {
    this.#timestamp += packets * this.#samples;
    this.#due = (this.#due as number) + packets * this.#format.ptime;
    this.#talking = false;
  }

  /** Moves the clock so that the latest of a second's arrivals is just in time. */
  #fit(early: number): void {
    this.#earliest = Math.min(this.#earliest, early);
    if (++this.#fitted < WINDOW) return;
    this.#due = (this.#due as number) - this.#earliest;
    this.#earliest = Infinity;
    this.#fitted = 0;
  }

  #sendAudio(pcm: Int16Array, marker: boolean): void {
    const { codec, payloadType } = this.#format;
    this.#send({
      payloadType,
      payload: encodeG711(codec, pcm),
      marker,
      timestamp: this.#timestamp,
    });
  }

  #sendDtmf(): void {
    const packet = this.#dtmf.next(this.#samples);
    const payloadType = this.#format.dtmfPayloadType;
    // The tone takes the place of the audio (RFC 4733 §2.1): what was said meanwhile is over.
    this.#queue.dropOldest(this.#samples);
    this.#talking = false;
    if (packet === undefined || payloadType === undefined) {
      this.#sendAudio(new Int16Array(this.#samples), false);
      return;
    }
    const { payload, marker, age } = packet;
    this.#send({ payloadType, payload, marker, timestamp: this.#timestamp - age });
  }

  #send(packet: OutgoingPacket): void {
    this.#onPacket(packet);
    this.#timestamp += this.#samples;
    this.#due = (this.#due as number) + this.#format.ptime;
  }
}

function isQuiet(pcm: Int16Array): boolean {
  return pcm.every((sample) => Math.abs(sample) < QUIET);
}
