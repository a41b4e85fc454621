import { createRequire } from 'node:module';
import type * as alawmulaw from 'alawmulaw';

// A CommonJS bundle whose names Node cannot find for `import { … }`.
const { alaw, mulaw } = createRequire(import.meta.url)('alawmulaw') as typeof alawmulaw;

/** RTP/AVP encoding names of G.711 (RFC 3551 §4.5.14). */
export type G711Codec = 'PCMU' | 'PCMA';

interface Tables {
  /** Codeword -> 16-bit sample. */
  readonly decode: Int16Array;
  /** 16-bit sample, read as unsigned -> codeword. */
  readonly encode: Uint8Array;
}

/** One look-up per sample; the library's own arithmetic only fills the tables, once. */
function makeTables(codec: typeof mulaw): Tables {
  const decode = new Int16Array(256);
  for (let code = 0; code < 256; code++) decode[code] = codec.decodeSample(code);
  const encode = new Uint8Array(65_536);
  for (let sample = -32_768; sample < 32_768; sample++) {
    encode[sample & 0xffff] = codec.encodeSample(sample);
  }
  return { decode, encode };
}

const TABLES: Record<G711Codec, Tables> = {
  PCMU: makeTables(mulaw),
  PCMA: makeTables(alaw),
};

/** PCM16 mono 8 kHz -> one octet per sample. */
export function encodeG711(codec: G711Codec, pcm: Int16Array): Uint8Array {
  const { encode } = TABLES[codec];
  const out = new Uint8Array(pcm.length);
  for (let i = 0; i < pcm.length; i++) out[i] = encode[(pcm[i] as number) & 0xffff] as number;
  return out;
}

/** One octet per sample -> PCM16 mono 8 kHz. */
export function decodeG711(codec: G711Codec, payload: Uint8Array): Int16Array {
  const { decode } = TABLES[codec];
  const out = new Int16Array(payload.length);
  for (let i = 0; i < payload.length; i++) out[i] = decode[payload[i] as number] as number;
  return out;
}
