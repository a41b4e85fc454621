import type { Logger } from 'pino';
import type { PortPool } from './port-pool.ts';
import { RtpSession } from './rtp-session.ts';
import type { RtpStats } from './rtp-session.ts';
import { agree, isIncompatible, newSessionId, writeAnswer, writeOffer } from './sdp.ts';
import type { Agreed, Incompatible, LocalMedia, Negotiated } from './sdp.ts';

export interface CallMediaOptions {
  /** Address the RTP socket binds to. */
  readonly host: string;
  /** Address that SDP gives out. */
  readonly address: string;
  /** Source address of the INVITE. */
  readonly signallingAddress: string;
  readonly ports: PortPool;
  /** In order of preference. */
  readonly codecs: readonly string[];
  readonly mediaTimeoutMs: number;
  readonly log: Logger;
  readonly onAudio: (pcm: Int16Array) => void;
  readonly onDtmf: (digit: string) => void;
  readonly onTimeout: () => void;
}

/** Ports that are handed out by us but taken by somebody else are left out this often. */
const BIND_ATTEMPTS = 4;

/** One call's RTP session and the offer/answer around it (RFC 3264). */
export class CallMedia {
  readonly #options: CallMediaOptions;
  readonly #rtp: RtpSession;
  readonly #port: number;
  readonly #sessionId = newSessionId();
  #version = 1;
  #lastSdp = '';
  #negotiated: Negotiated | undefined;

  private constructor(options: CallMediaOptions, rtp: RtpSession, port: number) {
    this.#options = options;
    this.#rtp = rtp;
    this.#port = port;
  }

  /**
   * Binds a port; nothing is sent yet.
   *
   * @throws when there is no port left, or none that can be bound
   */
  static async open(options: CallMediaOptions): Promise<CallMedia> {
    let failure = new Error('no RTP port is free');
    for (let attempt = 0; attempt < BIND_ATTEMPTS; attempt += 1) {
      const port = options.ports.take();
      if (port === undefined) break;
      try {
        return new CallMedia(options, await bind(options, port), port);
      } catch (error) {
        options.ports.give(port);
        options.log.warn({ err: error, port }, 'RTP port cannot be bound');
        failure = error as Error;
      }
    }
    throw failure;
  }

  get negotiated(): Negotiated | undefined {
    return this.#negotiated;
  }

  /** The caller has put us on hold: it wants to hear nothing of ours. */
  get isHeld(): boolean {
    return this.#negotiated !== undefined && isHold(this.#negotiated);
  }

  /** The answer to an offer. */
  answer({ sdp, negotiated }: Agreed): string {
    this.#take(negotiated);
    const { codecs } = this.#options;
    return this.#versioned((local) => writeAnswer(sdp, codecs, negotiated, local));
  }

  /** The answer to a re-INVITE's offer, or why there is nothing in it that we can do (488). */
  renegotiate(offer: string): string | Incompatible {
    const agreed = this.#agree(offer);
    return isIncompatible(agreed) ? agreed : this.answer(agreed);
  }

  /** Our offer, where the caller made none. */
  offer(): string {
    return this.#versioned((local) => writeOffer(this.#options.codecs, local));
  }

  /** Takes the answer to our offer; false when it is none that we can do. */
  accept(answer: string): boolean {
    const agreed = this.#agree(answer);
    if (!isIncompatible(agreed)) this.#take(agreed.negotiated);
    return !isIncompatible(agreed);
  }

  /** Audio of the agent's that is still to be sent, ms. */
  get backlogMs(): number {
    return this.#rtp.backlogMs;
  }

  send(pcm: Int16Array): void {
    this.#rtp.send(pcm);
  }

  /** False: the caller takes no telephone-event, the digit has to go another way. */
  sendDtmf(digit: string): boolean {
    if (this.#negotiated?.dtmfPayloadType === undefined) return false;
    this.#rtp.sendDtmf(digit);
    return true;
  }

  stats(): RtpStats {
    return this.#rtp.stats();
  }

  async close(): Promise<void> {
    await this.#rtp.close();
    this.#options.ports.give(this.#port);
  }

  #agree(sdp: string): Agreed | Incompatible {
    return agree(sdp, this.#options.codecs, this.#options.signallingAddress);
  }

  #take(negotiated: Negotiated): void {
    this.#negotiated = negotiated;
    // On hold the agent is spared the music, and a phone that sends nothing is not taken for gone.
    const direction = isHold(negotiated) ? 'inactive' : negotiated.direction;
    this.#rtp.update({ ...negotiated, direction });
  }

  /** The o= line's version moves when the description does, and only then (RFC 3264 §8). */
  #versioned(write: (local: LocalMedia) => string): string {
    const { address } = this.#options;
    const local = { address, port: this.#port, sessionId: this.#sessionId };
    const same = write({ ...local, version: this.#version });
    if (this.#lastSdp === '' || same === this.#lastSdp) return (this.#lastSdp = same);
    this.#version += 1;
    return (this.#lastSdp = write({ ...local, version: this.#version }));
  }
}

function isHold({ direction }: Negotiated): boolean {
  return direction === 'recvonly' || direction === 'inactive';
}

function bind(options: CallMediaOptions, port: number): Promise<RtpSession> {
  return RtpSession.open({
    host: options.host,
    port,
    // Unknown until offer and answer are through.
    remote: { address: options.signallingAddress, port: 0 },
    codec: 'PCMA',
    payloadType: 8,
    ptime: 20,
    direction: 'inactive',
    log: options.log,
    onAudio: options.onAudio,
    onDtmf: options.onDtmf,
    onTimeout: options.onTimeout,
    mediaTimeoutMs: options.mediaTimeoutMs,
    signallingAddress: options.signallingAddress,
  });
}
