import { expect, test } from 'vitest';
import { decodeG711, encodeG711 } from './g711.ts';

/** Two points of each curve from ITU-T G.711 tables 1a-2b, scaled to 16 bits. */
test.each([
  ['PCMU', 0xff, 0],
  ['PCMU', 0x80, 32_124],
  ['PCMU', 0x00, -32_124],
  ['PCMA', 0xd5, 8],
  ['PCMA', 0xaa, 32_256],
  ['PCMA', 0x2a, -32_256],
] as const)('%s codeword %i is the sample %i', (codec, code, sample) => {
  expect(decodeG711(codec, Uint8Array.of(code))).toEqual(Int16Array.of(sample));
  expect(encodeG711(codec, Int16Array.of(sample))).toEqual(Uint8Array.of(code));
});

test.each(['PCMU', 'PCMA'] as const)('%s: decoding and encoding again changes nothing', (codec) => {
  // 0x7f is mu-law's negative zero, which is encoded as the positive one.
  const codes = Uint8Array.from({ length: 256 }, (_, i) => i).filter((code) => code !== 0x7f);
  expect(encodeG711(codec, decodeG711(codec, codes))).toEqual(codes);
});

test.each(['PCMU', 'PCMA'] as const)('%s: the whole range survives within 4 %', (codec) => {
  const pcm = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);
  const back = decodeG711(codec, encodeG711(codec, pcm));
  const worst = Math.max(
    ...pcm.map((sample, i) => Math.abs(sample - (back[i] as number)) - Math.abs(sample) * 0.04),
  );
  expect(worst).toBeLessThanOrEqual(16);
});

test('full scale and silence are the code words of ITU-T G.191', () => {
  const pcm = Int16Array.of(0, 32_767, -32_768);
  expect([...encodeG711('PCMU', pcm)]).toEqual([0xff, 0x80, 0x00]);
  expect([...encodeG711('PCMA', pcm)]).toEqual([0xd5, 0xaa, 0x2a]);
});

test.each(['PCMU', 'PCMA'] as const)('%s: the error stays within half a step', (codec) => {
  for (let sample = -32_000; sample <= 32_000; sample += 37) {
    const [back = NaN] = decodeG711(codec, encodeG711(codec, Int16Array.of(sample)));
    expect(Math.abs(back - sample)).toBeLessThanOrEqual(Math.max(16, Math.abs(sample) / 16));
  }
});
