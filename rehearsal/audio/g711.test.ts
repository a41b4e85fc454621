import { expect, test } from 'vitest';
import { decodeAlaw, decodeMulaw, encodeAlaw, encodeMulaw } from './g711.ts';

const BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test('known values of G.711', () => {
  // ITU-T G.191 reference: silence is 0xFF and 0xD5, full scale 0x80/0x00 and 0xAA/0x2A.
  expect([...encodeMulaw(Int16Array.of(0, 32767, -32768))]).toEqual([0xff, 0x80, 0x00]);
  expect([...encodeAlaw(Int16Array.of(0, 32767, -32768))]).toEqual([0xd5, 0xaa, 0x2a]);
  expect([...decodeMulaw(Uint8Array.of(0xff, 0x80, 0x00))]).toEqual([0, 32124, -32124]);
  expect([...decodeAlaw(Uint8Array.of(0xd5, 0xaa, 0x2a))]).toEqual([8, 32256, -32256]);
});

test('every code word survives decoding and encoding', () => {
  // 0x7F is minus zero, which PCM16 does not have.
  expect([...encodeMulaw(decodeMulaw(BYTES))].filter((byte, index) => byte !== index)).toEqual([
    0xff,
  ]);
  expect([...encodeAlaw(decodeAlaw(BYTES))]).toEqual([...BYTES]);
});

test('the error stays within half a quantisation step', () => {
  for (let sample = -32000; sample <= 32000; sample += 37) {
    const pcm = Int16Array.of(sample);
    const step = Math.max(16, Math.abs(sample) / 16);
    expect(Math.abs((decodeMulaw(encodeMulaw(pcm))[0] ?? NaN) - sample)).toBeLessThanOrEqual(step);
    expect(Math.abs((decodeAlaw(encodeAlaw(pcm))[0] ?? NaN) - sample)).toBeLessThanOrEqual(step);
  }
});
