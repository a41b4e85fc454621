import { Concealment } from './concealment.ts';
import { Framer } from './framer.ts';

const SAMPLES_PER_MS = 8;
/** What goes out at a time. */
const FRAME_MS = 20;
/** How long a packet waits for the one before it, ms: at first, and at most. */
const REORDER_WAIT = 20;
const MAX_REORDER_WAIT = 80;
/** How long after its time audio may come before it is concealed, ms: at first, and at most. */
const GAP_WAIT = 40;
const MAX_GAP_WAIT = 120;
/** Packets in time after which a wait that grew shrinks by 1 ms. */
const SHRINK_AFTER = 50;
/** Audio that comes later than this is set aside, so that a stall does not leave a long echo. */
const MAX_LATE = 400 * SAMPLES_PER_MS;
/** How long what is set aside is watched before it is judged, ms: two packets of a talkspurt. */
const WATCH = 40;
/** What a stalled network hands over comes faster than this; speech comes at 1. */
const STALL_PACE = 1.25;
/** A hole is filled up to this; a longer one is a jump of the far end's clock. */
const MAX_FILL = 200 * SAMPLES_PER_MS;
/** Packets held at most while one is missing. */
const MAX_HELD = 16;
const REMEMBERED = 64;

export interface JitterBufferPacket {
  /** Without wrap-around, as `RtpSource` gives it. */
  readonly sequence: number;
  /** Without wrap-around, samples. */
  readonly timestamp: number;
  /** Undefined: a packet of the stream without audio (telephone-event, comfort noise). */
  readonly pcm: Int16Array | undefined;
}

/**
 * Puts the far end's audio in order and leaves no holes in it: frames of 20 ms.
 *
 * What comes in order goes out at once: on a clean network the buffer adds nothing. It need not
 * even out arrival times, because each frame goes on into a WebRTC track, whose receiver has an
 * adaptive buffer of its own (NetEq); a second one here would only add its delay. What it must do
 * is keep the sample count true: reordered packets wait a little for their predecessor, lost ones
 * are concealed, and when nothing comes the gap is filled in real time. Late speech is still
 * played, because a recogniser needs the word more than the pause. Speech that seems too late for
 * that is so after a stall of the network, which hands over all of it at once; at the pace of
 * speech it is a far end whose timestamps stood still while it was silent, and is played from its
 * first packet on.
 *
 * Pure: times are passed in, ms on a monotonic clock; the owner calls `tick` at `deadline`.
 */
export class JitterBuffer {
  late = 0;
  lost = 0;
  readonly #concealment = new Concealment();
  readonly #framer: Framer;
  readonly #held = new Map<number, JitterBufferPacket>();
  readonly #givenUp = new Set<number>();
  #concealedSamples = 0;
  /** Sequence number to be played next. */
  #next: number | undefined;
  /** Timestamp up to which audio went out. */
  #playedTo = 0;
  /** When the next audio should come if nothing delays it. */
  #due = 0;
  #heldUntil = Infinity;
  #reorderWait = REORDER_WAIT;
  #gapWait = GAP_WAIT;
  #inTime = 0;
  /** Too late, the newest `MAX_LATE` of it; `#watched` says when and from where on it is watched. */
  #aside: { readonly timestamp: number; readonly pcm: Int16Array }[] = [];
  #watched = { since: Infinity, from: 0 };
  /** What comes next begins anew: there was a hold. */
  #resumed = false;

  constructor(onFrame: (pcm: Int16Array) => void) {
    this.#framer = new Framer(FRAME_MS * SAMPLES_PER_MS, onFrame);
  }

  /** Frames of audible concealment. */
  get concealed(): number {
    return Math.round(this.#concealedSamples / (FRAME_MS * SAMPLES_PER_MS));
  }

  /** When `tick` is to be called; Infinity before the first packet. */
  get deadline(): number {
    if (this.#next === undefined) return Infinity;
    return Math.min(this.#heldUntil, this.#fillAt, this.#watched.since + WATCH);
  }

  insert(packet: JitterBufferPacket, now: number): void {
    if (this.#next === undefined || (this.#resumed && packet.pcm !== undefined)) {
      this.#start(packet, now);
    } else if (packet.sequence < this.#next) {
      this.#tooLate(packet.sequence);
      return;
    }
    this.#held.set(packet.sequence, packet);
    this.#drain(now);
    if (this.#held.size > MAX_HELD) this.#giveUpMissing(now);
  }

  tick(now: number): void {
    if (this.#next === undefined) return;
    if (now >= this.#heldUntil) this.#giveUpMissing(now);
    if (now >= this.#watched.since + WATCH) this.#judge(now);
    while (now >= this.#fillAt) {
      this.#fill(FRAME_MS * SAMPLES_PER_MS);
      // After a stall of this process the missed time is not made up for.
      this.#due = Math.max(this.#due + FRAME_MS, now - this.#gapWait - FRAME_MS);
    }
  }

  /** A new stream: its numbers have nothing to do with the old one's. */
  restart(): void {
    this.#held.clear();
    this.#givenUp.clear();
    this.#next = undefined;
    this.#heldUntil = Infinity;
  }

  /** The far end was on hold: whatever its timestamps did meanwhile, what comes next is in time. */
  resume(): void {
    this.#resumed = true;
  }

  get #fillAt(): number {
    return this.#due + this.#gapWait;
  }

  #start(packet: JitterBufferPacket, now: number): void {
    this.#next = packet.sequence;
    this.#playedTo = packet.timestamp;
    this.#due = now;
    this.#held.clear();
    this.#heldUntil = Infinity;
    this.#resumed = false;
    this.#leaveAside();
  }

  #drain(now: number): void {
    for (;;) {
      const packet = this.#held.get(this.#next as number);
      if (packet === undefined) break;
      this.#held.delete(packet.sequence);
      this.#next = packet.sequence + 1;
      if (packet.pcm === undefined) this.#concealment.silence();
      else this.#play(packet.timestamp, packet.pcm, now);
    }
    if (this.#held.size === 0) this.#heldUntil = Infinity;
    else if (this.#heldUntil === Infinity) this.#heldUntil = now + this.#reorderWait;
  }

  #play(timestamp: number, pcm: Int16Array, now: number): void {
    const hole = timestamp - this.#playedTo;
    if (-hole > MAX_LATE) {
      this.#setAside(timestamp, pcm, now);
      return;
    }
    this.#leaveAside();
    if (hole < 0) {
      this.late++;
      this.#gapWait = Math.min(MAX_GAP_WAIT, this.#gapWait + FRAME_MS);
    } else {
      if (hole > 0 && hole <= MAX_FILL) this.#fill(hole);
      this.#calm();
    }
    this.#playedTo = timestamp + pcm.length;
    this.#due = now + pcm.length / SAMPLES_PER_MS;
    this.#framer.push(this.#concealment.good(pcm));
  }

  #setAside(timestamp: number, pcm: Int16Array, now: number): void {
    const aside = this.#aside;
    if (aside.length === 0) this.#watched = { since: now, from: timestamp };
    aside.push({ timestamp, pcm });
    const end = timestamp + pcm.length;
    while (end - (aside[0]?.timestamp ?? end) > MAX_LATE) {
      aside.shift();
      this.late++;
    }
  }

  /** It was a stall, and the stream has caught up. */
  #leaveAside(): void {
    this.late += this.#aside.length;
    this.#aside = [];
    this.#watched = { since: Infinity, from: 0 };
  }

  /** Plays what was set aside when it came at the pace of speech, else watches on. */
  #judge(now: number): void {
    const aside = this.#aside;
    const [first, last] = [aside[0], aside.at(-1)];
    if (!first || !last) return;
    const came = (last.timestamp - this.#watched.from) / SAMPLES_PER_MS;
    if (came > STALL_PACE * (now - this.#watched.since)) {
      this.#watched = { since: now, from: last.timestamp };
      return;
    }
    this.#aside = [];
    this.#playedTo = first.timestamp;
    for (const { timestamp, pcm } of aside) this.#play(timestamp, pcm, now);
  }

  #fill(samples: number): void {
    if (!this.#concealment.faded) this.#concealedSamples += samples;
    this.#framer.push(this.#concealment.conceal(samples));
    this.#playedTo += samples;
  }

  /** Goes on with what is held: the packets before it are lost, or will be too late. */
  #giveUpMissing(now: number): void {
    const first = Math.min(...this.#held.keys());
    for (let missing = this.#next as number; missing < first; missing++) {
      this.lost++;
      this.#givenUp.add(missing);
    }
    for (const oldest of this.#givenUp) {
      if (this.#givenUp.size <= REMEMBERED) break;
      this.#givenUp.delete(oldest);
    }
    this.#next = first;
    this.#heldUntil = Infinity;
    this.#drain(now);
  }

  /** A packet whose place is gone: given up too early, or a duplicate. */
  #tooLate(sequence: number): void {
    if (!this.#givenUp.delete(sequence)) return;
    this.lost--;
    this.late++;
    this.#reorderWait = Math.min(MAX_REORDER_WAIT, this.#reorderWait + FRAME_MS);
  }

  #calm(): void {
    if (++this.#inTime < SHRINK_AFTER) return;
    this.#inTime = 0;
    this.#gapWait = Math.max(GAP_WAIT, this.#gapWait - 1);
    this.#reorderWait = Math.max(REORDER_WAIT, this.#reorderWait - 1);
  }
}
