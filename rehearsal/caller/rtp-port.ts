import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { formatRtp, parseRtp } from '../../ingress/sip/media/rtp-packet.ts';
import type { Negotiated } from '../../ingress/sip/media/sdp.ts';
import { formatTelephoneEvent } from '../../ingress/sip/media/telephone-event.ts';
import type { KeyPacket } from './dialler.ts';
import { FRAME_SAMPLES, SAMPLE_RATE } from './frame.ts';

/** A packet of audio as it came in. */
export interface HeardPacket {
  /** performance.now() at arrival, ms. */
  readonly at: number;
  /** RTP timestamp, 8 kHz. */
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

export interface RtpStats {
  readonly sent: number;
  readonly received: number;
  readonly lost: number;
  /** RFC 3550 §6.4.1 interarrival jitter, ms. */
  readonly jitterMs: number;
}

/** The caller's side of the media: one UDP port, RTP out and in. */
export interface RtpPort {
  readonly port: number;
  /** To whom and how, once the answer is in. */
  connect(media: Negotiated): void;
  /** Sends 20 ms of encoded audio; `marker` starts a talkspurt. */
  sendAudio(payload: Uint8Array, marker: boolean): void;
  /** Sends one RFC 4733 event packet in the place of an audio frame. */
  sendEvent(key: KeyPacket): void;
  /** Time passed without a packet: the timestamp goes on, the sequence does not. */
  skip(frames: number): void;
  readonly stats: RtpStats;
  close(): void;
}

export interface RtpPortOptions {
  /** Inclusive range of even ports to take one from; absent: any port. */
  readonly ports?: { readonly from: number; readonly to: number } | undefined;
  readonly family: 4 | 6;
  readonly onAudio: (packet: HeardPacket) => void;
}

/** Binds a UDP port on all addresses' loopback or interface. Rejects when the range is taken. */
export async function openRtpPort({ ports, family, onAudio }: RtpPortOptions): Promise<RtpPort> {
  const socket = await bind(ports, family);
  const ssrc = randomInt(1, 2 ** 32);
  let sequence = randomInt(2 ** 16);
  let timestamp = randomInt(2 ** 32);
  let eventTimestamp = 0;
  let media: Negotiated | undefined;
  let open = true;
  let sent = 0;
  const reception = createReception();

  const send = (payload: Uint8Array, payloadType: number, timestamp: number, marker: boolean) => {
    if (!media || !open) return;
    const datagram = formatRtp({ payloadType, payload, marker, sequence, timestamp, ssrc });
    socket.send(datagram, media.remote.port, media.remote.address);
    sequence = (sequence + 1) % 2 ** 16;
    sent += 1;
  };

  socket.on('message', (data) => {
    const at = performance.now();
    const heard = media && parseRtp(data);
    if (!heard || heard.payloadType !== media?.payloadType) return;
    reception.count(heard.ssrc, heard.sequence, heard.timestamp, at);
    onAudio({ at, timestamp: heard.timestamp, payload: heard.payload });
  });
  // An unreachable far end shows as silence; the call's own checks speak of it.
  socket.on('error', () => undefined);

  return {
    port: socket.address().port,
    connect(agreed) {
      media = agreed;
    },
    sendAudio(payload, marker) {
      if (media) send(payload, media.payloadType, timestamp, marker);
      timestamp = (timestamp + FRAME_SAMPLES) % 2 ** 32;
    },
    sendEvent({ digit, end, durationSamples: duration, first }) {
      if (first) eventTimestamp = timestamp;
      if (media?.dtmfPayloadType !== undefined) {
        const payload = formatTelephoneEvent({ digit, end, duration });
        send(payload, media.dtmfPayloadType, eventTimestamp, first);
      }
      timestamp = (timestamp + FRAME_SAMPLES) % 2 ** 32;
    },
    skip(frames) {
      timestamp = (timestamp + frames * FRAME_SAMPLES) % 2 ** 32;
    },
    get stats() {
      return { sent, ...reception.stats() };
    },
    close() {
      if (!open) return;
      open = false;
      socket.close();
    },
  };
}

async function bind(ports: RtpPortOptions['ports'], family: 4 | 6): Promise<Socket> {
  const count = ports ? Math.floor((ports.to - ports.from) / 2) + 1 : 1;
  const offset = randomInt(count);
  for (let i = 0; i < count; i += 1) {
    const socket = createSocket({ type: `udp${family}`, recvBufferSize: 1 << 18 });
    socket.bind(ports ? ports.from + 2 * ((offset + i) % count) : 0);
    try {
      await once(socket, 'listening');
      return socket;
    } catch (error) {
      socket.close();
      if (i === count - 1) throw error;
    }
  }
  throw new Error('no RTP ports to choose from');
}

/** Counts what came in, by RFC 3550 appendix A in short. */
function createReception() {
  let source: number | undefined;
  let received = 0;
  let expected = 0;
  let highest = 0;
  let transit: number | undefined;
  let jitter = 0;
  return {
    count(ssrc: number, sequence: number, timestamp: number, at: number): void {
      received += 1;
      const now = at - (timestamp / SAMPLE_RATE) * 1_000;
      if (ssrc !== source) {
        source = ssrc;
        expected += 1;
        highest = sequence;
        transit = now;
        return;
      }
      const ahead = (sequence - highest + 2 ** 16) % 2 ** 16;
      if (ahead < 2 ** 15) {
        expected += ahead;
        highest = sequence;
      }
      jitter += (Math.abs(now - (transit ?? now)) - jitter) / 16;
      transit = now;
    },
    stats: () => ({ received, lost: Math.max(0, expected - received), jitterMs: jitter }),
  };
}
