import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import { DtmfReceiver } from './dtmf-receiver.ts';
import { decodeG711 } from './g711.ts';
import type { G711Codec } from './g711.ts';
import { JitterBuffer } from './jitter-buffer.ts';
import { Latch } from './latch.ts';
import type { RtpAddress } from './latch.ts';
import { formatRtp, parseRtp } from './rtp-packet.ts';
import type { RtpFields } from './rtp-packet.ts';
import { RtpSender } from './rtp-sender.ts';
import type { OutgoingPacket } from './rtp-sender.ts';
import { RtpSource } from './rtp-source.ts';
import { dtmfCode } from './telephone-event.ts';

/** Static payload types (RFC 3551 §6): taken whatever was negotiated, since they say what they are. */
const PCMU = 0;
const PCMA = 8;
const COMFORT_NOISE = 13;
/** More than any G.711 packet that is not an error or an attack: 200 ms. */
const MAX_PAYLOAD = 1_600;
const DTMF_MS = 120;
/** A timer this late, ms, means that the process was busy and packets may be waiting to be read. */
const OVERDUE = 5;

/** What the media of our answer does, seen from here (RFC 3264 §5.1). */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

export interface RtpSessionOptions {
  host: string;
  port: number;
  /** From the far end's SDP. */
  remote: RtpAddress;
  codec: G711Codec;
  payloadType: number;
  /** Absent: telephone-event was not negotiated. */
  dtmfPayloadType?: number;
  ptime: 10 | 20 | 30;
  /** Default sendrecv. */
  direction?: Direction;
  log: Logger;
  /** PCM16 mono 8 kHz, 20 ms, in order and without holes; the callee owns it. */
  onAudio(pcm: Int16Array): void;
  onDtmf(digit: string): void;
  /** No RTP for `mediaTimeoutMs` while we expect some; once. */
  onTimeout(): void;
  mediaTimeoutMs: number;
  /** Source address of the INVITE, for the latching guard. */
  signallingAddress: string;
}

export type RtpSessionUpdate = Partial<
  Pick<RtpSessionOptions, 'remote' | 'codec' | 'payloadType' | 'ptime' | 'direction'>
> & { dtmfPayloadType?: number | undefined };

/** RTP as this end saw it. */
export interface RtpStats {
  received: number;
  lost: number;
  late: number;
  concealed: number;
  sent: number;
  /** RFC 3550 §6.4.1, ms. */
  jitter: number;
}

/**
 * The audio of one call on one UDP port: G.711 and telephone-event (RFC 3550, 3551, 4733).
 * Nothing is sent before the first `send`, and the media timeout runs from the first packet either
 * way: so it can be opened while the call still rings.
 */
export class RtpSession {
  readonly #socket: Socket;
  readonly #log: Logger;
  readonly #options: RtpSessionOptions;
  readonly #latch: Latch;
  readonly #source = new RtpSource();
  readonly #jitterBuffer: JitterBuffer;
  readonly #dtmf = new DtmfReceiver();
  readonly #sender: RtpSender;
  readonly #ssrc = randomInt(2 ** 32);
  #sequence = randomInt(2 ** 16);
  #direction: Direction;
  #received = 0;
  #sent = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  /** When the media timeout began to run; undefined: it does not, as on hold. */
  #heardAt: number | undefined;
  #started = false;
  #timedOut = false;
  #strangerLogged = false;
  /** The last packet that was of no stream: the next may show that it began one. */
  #stray: RtpFields | undefined;
  #closed: Promise<void> | undefined;

  /** @throws the socket's error, e.g. EADDRINUSE. */
  static async open(options: RtpSessionOptions): Promise<RtpSession> {
    const socket = createSocket({
      type: isIPv6(options.host) ? 'udp6' : 'udp4',
      // Addresses are never names here: no resolver for each packet.
      lookup: (address, _options, callback) => {
        callback(null, address, isIPv6(address) ? 6 : 4);
      },
    });
    const listening = once(socket, 'listening');
    socket.bind({ address: options.host, port: options.port, exclusive: true });
    try {
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    return new RtpSession(socket, options);
  }

  private constructor(socket: Socket, options: RtpSessionOptions) {
    this.#socket = socket;
    this.#options = { ...options };
    this.#log = options.log;
    this.#direction = options.direction ?? 'sendrecv';
    this.#latch = new Latch(options.remote, options.signallingAddress);
    this.#jitterBuffer = new JitterBuffer((pcm) => {
      options.onAudio(pcm);
    });
    this.#sender = new RtpSender(this.#format(), randomInt(2 ** 32), (packet) => {
      this.#send(packet);
    });
    socket.on('message', (datagram, from) => {
      this.#receive(datagram, from);
    });
    socket.on('error', (error) => {
      this.#log.warn({ err: error }, 'RTP socket error');
    });
  }

  /** The port it is bound to, also when 0 was asked for. */
  get port(): number {
    return this.#socket.address().port;
  }

  /** Audio of the agent's that is still to be sent, ms. */
  get backlogMs(): number {
    return this.#sender.backlogMs;
  }

  /** Queues the agent's audio: PCM16 mono 8 kHz of any length. */
  send(pcm: Int16Array): void {
    if (this.#closed !== undefined || !this.#sends) return;
    const now = performance.now();
    this.#start(now);
    this.#sender.push(pcm, now);
    this.#schedule(now);
  }

  /** Queues a digit; logs and drops one that the far end cannot take. @param ms - key held for. */
  sendDtmf(digit: string, ms: number = DTMF_MS): void {
    if (this.#closed !== undefined || !this.#sends) return;
    const now = performance.now();
    if (dtmfCode(digit) === undefined) {
      this.#log.warn('not a DTMF digit');
    } else if (!this.#sender.pushDtmf(digit, ms, now)) {
      this.#log.warn('the far end takes no telephone-event: digit dropped');
    }
    this.#schedule(now);
  }

  /** What a re-INVITE or our answer changed. */
  update(update: RtpSessionUpdate): void {
    const now = performance.now();
    Object.assign(this.#options, update);
    if (update.remote !== undefined) this.#latch.move(update.remote);
    this.#sender.format = this.#format();
    if (update.direction !== undefined) {
      const received = this.#receives;
      this.#direction = update.direction;
      if (this.#receives && !received) this.#jitterBuffer.resume();
      if (!this.#sends) this.#sender.stop(now);
      if (this.#started) this.#heardAt = this.#receives ? now : undefined;
    }
    this.#schedule(now);
  }

  stats(): RtpStats {
    const { lost, late, concealed } = this.#jitterBuffer;
    const jitter = Math.round(this.#source.jitter * 100) / 100;
    return { received: this.#received, lost, late, concealed, sent: this.#sent, jitter };
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      clearTimeout(this.#timer);
      this.#socket.close(resolve);
    });
    return this.#closed;
  }

  get #sends(): boolean {
    return this.#direction === 'sendrecv' || this.#direction === 'sendonly';
  }

  get #receives(): boolean {
    return this.#direction === 'sendrecv' || this.#direction === 'recvonly';
  }

  #format() {
    const { codec, payloadType, dtmfPayloadType, ptime } = this.#options;
    return { codec, payloadType, dtmfPayloadType, ptime };
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    const packet = parseRtp(datagram);
    if (packet === undefined || this.#codecOf(packet.payloadType) === undefined) return;
    const now = performance.now();
    if (!this.#latch.accept(from.address, from.port, now)) {
      this.#warnOfStranger(from.address);
      return;
    }
    const accepted = this.#source.accept(packet.ssrc, packet.sequence, packet.timestamp);
    if (accepted === undefined) {
      this.#stray = packet;
      return;
    }
    this.#start(now);
    if (this.#heardAt !== undefined) this.#heardAt = now;
    const { sequence, timestamp } = accepted;
    if (accepted.restarted) {
      this.#jitterBuffer.restart();
      this.#dtmf.restart();
      const first = this.#stray;
      const age = first ? (packet.timestamp - first.timestamp) | 0 : 0;
      if (first?.ssrc === packet.ssrc) this.#take(first, sequence - 1, timestamp - age, now);
    }
    this.#stray = undefined;
    this.#take(packet, sequence, timestamp, now);
    this.#schedule(now);
  }

  #take(packet: RtpFields, sequence: number, timestamp: number, now: number): void {
    this.#received++;
    // On hold what still comes only counts.
    const pcm = this.#receives ? this.#read(packet, timestamp, now) : undefined;
    this.#jitterBuffer.insert({ sequence, timestamp, pcm }, now);
  }

  /** The packet's audio; undefined when it has none. */
  #read({ payloadType, payload }: RtpFields, timestamp: number, now: number) {
    const codec = this.#codecOf(payloadType);
    if (codec === 'telephone-event') {
      const digit = this.#dtmf.accept(timestamp, payload);
      if (digit !== undefined) this.#options.onDtmf(digit);
      return undefined;
    }
    if (codec === undefined || codec === 'CN') return undefined;
    if (payload.length === 0 || payload.length > MAX_PAYLOAD) return undefined;
    this.#source.measure(timestamp, now);
    return decodeG711(codec, payload);
  }

  #warnOfStranger(from: string): void {
    if (this.#strangerLogged) return;
    this.#strangerLogged = true;
    this.#log.warn({ from }, 'RTP of a stranger ignored');
  }

  #codecOf(payloadType: number): G711Codec | 'telephone-event' | 'CN' | undefined {
    if (payloadType === this.#options.payloadType) return this.#options.codec;
    if (payloadType === this.#options.dtmfPayloadType) return 'telephone-event';
    if (payloadType === PCMU) return 'PCMU';
    if (payloadType === PCMA) return 'PCMA';
    return payloadType === COMFORT_NOISE ? 'CN' : undefined;
  }

  #send({ payloadType, payload, marker, timestamp }: OutgoingPacket): void {
    const target = this.#latch.target;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    if (target === undefined) return;
    const datagram = formatRtp({
      payloadType,
      payload,
      marker,
      sequence: this.#sequence,
      timestamp,
      ssrc: this.#ssrc,
    });
    this.#sent++;
    this.#socket.send(datagram, target.port, target.address, () => {
      // An unreachable far end is the media timeout's business, not an error of ours.
    });
  }

  /** One timer for everything; it may fire early and look again, which is cheaper than moving it. */
  #schedule(now: number): void {
    if (this.#closed !== undefined) return;
    const at = Math.min(this.#jitterBuffer.deadline, this.#sender.deadline, this.#timeoutAt);
    if (at === Infinity || at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => {
        // Audio that arrived while the process was busy is read before it is declared missing.
        if (performance.now() - at > OVERDUE) setImmediate(() => this.#tick());
        else this.#tick();
      },
      Math.max(0, Math.ceil(at - now)),
    );
  }

  #tick(): void {
    if (this.#closed !== undefined) return;
    this.#timerAt = Infinity;
    const now = performance.now();
    this.#sender.tick(now);
    this.#jitterBuffer.tick(now);
    this.#checkTimeout(now);
    this.#schedule(now);
  }

  /** Media flows: from now on its absence means something. */
  #start(now: number): void {
    if (this.#started) return;
    this.#started = true;
    if (this.#receives) this.#heardAt = now;
  }

  #checkTimeout(now: number): void {
    const timeoutMs = this.#options.mediaTimeoutMs;
    if (this.#timedOut || this.#heardAt === undefined || now - this.#heardAt < timeoutMs) return;
    this.#timedOut = true;
    this.#log.info({ timeoutMs }, 'no RTP from the far end');
    this.#options.onTimeout();
  }

  /** When the media timeout strikes. */
  get #timeoutAt(): number {
    if (this.#timedOut || this.#heardAt === undefined) return Infinity;
    return this.#heardAt + this.#options.mediaTimeoutMs;
  }
}
