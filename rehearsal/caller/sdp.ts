import { isIPv6 } from 'node:net';
import { parse, write } from 'sdp-transform';
import type { G711Codec } from '../../ingress/sip/media/g711.ts';
import { FRAME_MS } from './frame.ts';

/** RFC 3551 table 4 */
const PAYLOAD_TYPES: Readonly<Record<G711Codec, number>> = { PCMU: 0, PCMA: 8 };
/** Dynamic payload type that we offer for RFC 4733 digits. */
const DTMF_PAYLOAD_TYPE = 101;

/** What the answer settled. */
export interface AgreedMedia {
  readonly codec: G711Codec;
  readonly payloadType: number;
  readonly address: string;
  readonly port: number;
  /** Payload type of telephone-event, when the far end takes digits in RTP. */
  readonly dtmfPayloadType: number | undefined;
}

/** An offer (RFC 3264) of the codecs in order of preference. */
export function makeOffer(address: string, port: number, codecs: readonly G711Codec[]): string {
  const version = isIPv6(address) ? 6 : 4;
  return write({
    version: 0,
    origin: {
      username: 'caller',
      sessionId: Date.now(),
      sessionVersion: 1,
      netType: 'IN',
      ipVer: version,
      address,
    },
    name: 'call',
    connection: { version, ip: address },
    timing: { start: 0, stop: 0 },
    media: [
      {
        type: 'audio',
        port,
        protocol: 'RTP/AVP',
        payloads: [...codecs.map((codec) => PAYLOAD_TYPES[codec]), DTMF_PAYLOAD_TYPE].join(' '),
        rtp: [
          ...codecs.map((codec) => ({ payload: PAYLOAD_TYPES[codec], codec, rate: 8000 })),
          { payload: DTMF_PAYLOAD_TYPE, codec: 'telephone-event', rate: 8000 },
        ],
        fmtp: [{ payload: DTMF_PAYLOAD_TYPE, config: '0-15' }],
        ptime: FRAME_MS,
        direction: 'sendrecv',
      },
    ],
  });
}

/** Reads the answer. Throws when it holds no audio stream that we can send and hear. */
export function readAnswer(sdp: string): AgreedMedia {
  const answer = parse(sdp);
  const audio = answer.media.find((media) => media.type === 'audio' && media.port > 0);
  if (!audio) throw new Error('the answer has no audio');
  const address = audio.connection?.ip ?? answer.connection?.ip;
  if (!address) throw new Error('the answer has no address');
  const payloads = (audio.payloads ?? '').split(' ').map(Number);
  const codec = (['PCMU', 'PCMA'] as const).find((name) => PAYLOAD_TYPES[name] === payloads[0]);
  if (!codec) throw new Error(`the answer has no codec of ours: ${audio.payloads ?? ''}`);
  const dtmf = audio.rtp.find((rtp) => rtp.codec.toLowerCase() === 'telephone-event');
  const payloadType = PAYLOAD_TYPES[codec];
  return { codec, payloadType, address, port: audio.port, dtmfPayloadType: dtmf?.payload };
}
