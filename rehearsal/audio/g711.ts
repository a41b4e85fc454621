/** ITU-T G.711: mu-law (PCMU) and A-law (PCMA) to and from PCM16. */

/** Mu-law bias and clip of the 14-bit segments, scaled to 16 bits (G.711 table 2a). */
const BIAS = 0x84;
const CLIP = 32635;

function mulawByte(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  const exponent = 24 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

function mulawSample(byte: number): number {
  const code = ~byte & 0xff;
  const exponent = (code >> 4) & 7;
  const magnitude = ((((code & 0x0f) << 3) + BIAS) << exponent) - BIAS;
  return code & 0x80 ? -magnitude : magnitude;
}

function alawByte(sample: number): number {
  const sign = sample >= 0 ? 0x80 : 0;
  const magnitude = Math.min(sample >= 0 ? sample : -sample - 1, 0x7fff);
  const exponent = Math.max(0, 24 - Math.clz32(magnitude | 0xff));
  const mantissa = (magnitude >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f;
  return (sign | (exponent << 4) | mantissa) ^ 0x55;
}

function alawSample(byte: number): number {
  const code = byte ^ 0x55;
  const exponent = (code >> 4) & 7;
  const step = ((code & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? step : (step + 0x100) << (exponent - 1);
  return code & 0x80 ? magnitude : -magnitude;
}

const MULAW_TABLE = Int16Array.from({ length: 256 }, (_, byte) => mulawSample(byte));
const ALAW_TABLE = Int16Array.from({ length: 256 }, (_, byte) => alawSample(byte));

export function encodeMulaw(pcm: Int16Array): Uint8Array {
  return Uint8Array.from(pcm, mulawByte);
}

export function decodeMulaw(bytes: Uint8Array): Int16Array {
  return Int16Array.from(bytes, (byte) => MULAW_TABLE[byte] ?? 0);
}

export function encodeAlaw(pcm: Int16Array): Uint8Array {
  return Uint8Array.from(pcm, alawByte);
}

export function decodeAlaw(bytes: Uint8Array): Int16Array {
  return Int16Array.from(bytes, (byte) => ALAW_TABLE[byte] ?? 0);
}
