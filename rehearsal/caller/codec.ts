import { createRequire } from 'node:module';
import type * as alawmulaw from 'alawmulaw';

// A CommonJS bundle whose names Node cannot find for `import { … }`.
const { alaw, mulaw } = createRequire(import.meta.url)('alawmulaw') as typeof alawmulaw;

/** Samples in a second of telephone audio. */
export const SAMPLE_RATE = 8_000;
/** Samples of one packet that the caller sends: 20 ms. */
export const FRAME_SAMPLES = 160;
export const FRAME_MS = 20;

/** G.711 as RTP carries it: RFC 3551 §4.5.14. */
export interface Codec {
  readonly name: 'PCMU' | 'PCMA';
  /** Static payload type: RFC 3551 table 4. */
  readonly payloadType: number;
  encode(samples: Int16Array): Uint8Array;
  decode(payload: Uint8Array): Int16Array;
}

function g711(
  name: Codec['name'],
  payloadType: number,
  law: { encode(s: Int16Array): Uint8Array; decode(b: Uint8Array): Int16Array },
): Codec {
  // A look-up, because twenty callers decode a thousand packets a second.
  const table = law.decode(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  return {
    name,
    payloadType,
    encode: (samples) => law.encode(samples),
    decode(payload) {
      const samples = new Int16Array(payload.length);
      for (let i = 0; i < payload.length; i += 1) samples[i] = table[payload[i] ?? 0] ?? 0;
      return samples;
    },
  };
}

export const CODECS: Readonly<Record<Codec['name'], Codec>> = {
  PCMU: g711('PCMU', 0, mulaw),
  PCMA: g711('PCMA', 8, alaw),
};
