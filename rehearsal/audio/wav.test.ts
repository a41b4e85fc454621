import { expect, test } from 'vitest';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import { encodeWav } from './wav.ts';

const STEREO = { pcm: Int16Array.of(0, 1, -1, 32767, -32768, 5), sampleRate: 8000, channels: 2 };

test('a recording survives', () => {
  expect(decodeWav(encodeWav(STEREO))).toEqual(STEREO);
});

test('foreign chunks are skipped, a cut-off file gives what is there', () => {
  const file = encodeWav(STEREO);
  const list = Buffer.from('LIST\x03\x00\x00\x00abc\x00', 'latin1');
  const longer = Buffer.concat([file.subarray(0, 36), list, file.subarray(36)]);
  expect(decodeWav(longer)).toEqual(STEREO);
  expect(decodeWav(longer.subarray(0, longer.length - 4)).pcm).toEqual(STEREO.pcm.slice(0, 4));
});

test('what is no 16-bit PCM is refused', () => {
  expect(() => decodeWav(Buffer.from('ID3 an mp3, or anything else'))).toThrow('not a WAV file');
  const mulaw = encodeWav(STEREO);
  mulaw.writeUInt16LE(7, 20);
  expect(() => decodeWav(mulaw)).toThrow('WAV format 7');
});
