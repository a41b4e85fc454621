import { ConnectionState, RoomEvent } from '@livekit/rtc-node';
import type { Room } from '@livekit/rtc-node';

/** How often the statistics are asked for, which cost some 2 ms of CPU, ms. */
const LOOK_EVERY_MS = 5_000;
/** Who is silent for longer may be gone: then it matters when they are heard again, ms. */
const SUSPICIOUS_MS = 2_000;
const LOOK_CLOSELY_MS = 1_000;
/** Told of while the call goes on, ms: hold, mute, silence suppression, or a line that is broken. */
const WORTH_TELLING_MS = 5_000;

type HeardRoom = Pick<Room, 'on' | 'connectionState' | 'getRtcStats'>;

/**
 * For how long no audio has come from the caller: what tells a media timeout from a hang-up where
 * livekit-sip's own BYE was answered. Packets count and not frames, which WebRTC makes up where
 * there are none. livekit-server itself ends a track with 0.2 s of silence, which a look may see: so
 * whoever was silent for long is heard again at the second look that finds packets.
 */
export class CallerSilence {
  readonly #room: HeardRoom;
  readonly #signal: AbortSignal;
  /** Since when we would have heard them, epoch ms. */
  #since: number | undefined;
  /** When somebody was heard last, as of a look, epoch ms. */
  #known: { readonly heardAt: number; readonly lookedAt: number } | undefined;
  /** The last look found packets after a long silence. */
  #isDoubtful = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #onSilent: (ms: number) => void;
  /** Of this silence. */
  #isTold = false;

  /**
   * @param signal aborted when the call is over
   * @param onSilent once for each silence that lasts
   */
  constructor(room: HeardRoom, signal: AbortSignal, onSilent: (ms: number) => void) {
    this.#onSilent = onSilent;
    this.#room = room;
    this.#signal = signal;
    // What was missed while our own connection was away is not the caller's silence.
    room.on(RoomEvent.Reconnected, () => {
      if (this.#since !== undefined) this.begin();
    });
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** The caller has answered, or is back. */
  begin(): void {
    this.#since = Date.now();
    this.#known = undefined;
    this.#isDoubtful = false;
    this.#lookIn(LOOK_CLOSELY_MS);
  }

  /** Until now, ms; undefined when nothing can be said. */
  read(): number | undefined {
    if (this.#since === undefined || this.#known === undefined) return undefined;
    if (this.#room.connectionState !== ConnectionState.CONN_CONNECTED) return undefined;
    const { lookedAt, heardAt } = this.#known;
    // A look that has been due for long: the process was stopped, or WebRTC does not answer.
    if (Date.now() - lookedAt > 2 * LOOK_EVERY_MS) return undefined;
    const from = Math.max(this.#since, heardAt);
    const isSuspicious = lookedAt - from >= SUSPICIOUS_MS;
    return Math.max(0, Math.round((isSuspicious ? Date.now() : lookedAt) - from));
  }

  async #look(): Promise<void> {
    const timer = this.#timer;
    const lookedAt = Date.now();
    const heardAt = await lastPacketAt(this.#room).catch(() => undefined);
    if (timer !== this.#timer) return; // begun anew meanwhile
    this.#known = heardAt === undefined ? undefined : { heardAt: this.#believe(heardAt), lookedAt };
    const silentMs = this.read() ?? 0;
    const isSuspicious = silentMs >= SUSPICIOUS_MS;
    if (!isSuspicious) this.#isTold = false;
    else if (silentMs >= WORTH_TELLING_MS && !this.#isTold) {
      this.#isTold = true;
      this.#onSilent(silentMs);
    }
    this.#lookIn(isSuspicious ? LOOK_CLOSELY_MS : LOOK_EVERY_MS);
  }

  /** When they were heard last, where the last packet came at `heardAt`. */
  #believe(heardAt: number): number {
    const { heardAt: before = heardAt, lookedAt = 0 } = this.#known ?? {};
    const wasSilent = lookedAt - Math.max(this.#since ?? 0, before) >= SUSPICIOUS_MS;
    this.#isDoubtful = !this.#isDoubtful && wasSilent && heardAt > before;
    return this.#isDoubtful ? before : heardAt;
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (!this.#signal.aborted) this.#timer = setTimeout(() => void this.#look(), ms);
  }
}

/** Of all whom we hear, epoch ms; undefined where WebRTC says nothing of packets. */
async function lastPacketAt(room: HeardRoom): Promise<number | undefined> {
  const { publisherStats, subscriberStats } = await room.getRtcStats();
  // Both ways may share one connection.
  const times = [...publisherStats, ...subscriberStats].flatMap(({ stats }) =>
    stats.case === 'inboundRtp' ? (stats.value.inbound?.lastPacketReceivedTimestamp ?? []) : [],
  );
  return times.length === 0 ? undefined : Math.max(...times);
}
