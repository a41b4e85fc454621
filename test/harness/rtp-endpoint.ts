import { createSocket } from 'node:dgram';
import type { RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { decodeG711, encodeG711 } from '../../ingress/sip/media/g711.ts';

/** RFC 3550 §5.1, without extensions. */
const HEADER_BYTES = 12;
const PCMA = 8;
/** 20 ms at 8 kHz. */
const FRAME = 160;

/** The media of a caller whose SIP is somebody else's (sipp records nothing). */
export interface RtpEndpoint {
  readonly port: number;
  /** Closes; what was heard until then, PCM16 mono at 8 kHz, from the first packet on. */
  close(): Int16Array;
}

/**
 * Listens for PCMA; from the first packet on, sends `speech` to where that came from, silence after
 * its end.
 *
 * @param arrives whether a frame is sent at all; default: all of them
 */
export async function openRtpEndpoint(
  speech: Int16Array,
  arrives: (frame: number) => boolean = () => true,
): Promise<RtpEndpoint> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const heard = new Map<number, Int16Array>();
  let firstTimestamp: number | undefined;
  let timer: NodeJS.Timeout | undefined;

  socket.on('message', (packet: Buffer, from: RemoteInfo) => {
    if (packet.length <= HEADER_BYTES || (packet.readUInt8(1) & 0x7f) !== PCMA) return;
    const timestamp = packet.readUInt32BE(4);
    if (firstTimestamp === undefined) {
      firstTimestamp = timestamp;
      timer = speak(from);
    }
    heard.set((timestamp - firstTimestamp) | 0, decodeG711('PCMA', packet.subarray(HEADER_BYTES)));
  });

  function speak({ port, address }: RemoteInfo): NodeJS.Timeout {
    const startedAt = performance.now();
    let frame = 0;
    return setInterval(() => {
      // A late timer catches up, so that the caller's clock is right on average.
      for (; frame * 20 <= performance.now() - startedAt; frame++) {
        const samples = new Int16Array(FRAME);
        samples.set(speech.subarray(frame * FRAME, (frame + 1) * FRAME));
        const packet = Buffer.alloc(HEADER_BYTES + FRAME);
        packet.writeUInt8(0x80, 0);
        packet.writeUInt8(PCMA | (frame === 0 ? 0x80 : 0), 1);
        packet.writeUInt16BE(frame & 0xffff, 2);
        packet.writeUInt32BE(frame * FRAME, 4);
        packet.writeUInt32BE(0x5ca1ab1e, 8);
        packet.set(encodeG711('PCMA', samples), HEADER_BYTES);
        if (arrives(frame)) socket.send(packet, port, address);
      }
    }, 10);
  }

  return {
    port: socket.address().port,
    close() {
      clearInterval(timer);
      socket.close();
      const length = Math.max(0, ...[...heard].map(([at, { length }]) => at + length));
      const pcm = new Int16Array(length);
      for (const [at, samples] of heard) if (at >= 0) pcm.set(samples, at);
      return pcm;
    },
  };
}
