// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import wavefile from 'wavefile';
import type { Recording } from '../../ingress/sip/media/wav.ts';

/** A RIFF/WAVE file of 16-bit PCM. */
export function encodeWav({ pcm, sampleRate, channels }: Recording): Buffer {
  // oxlint-disable-next-line import/no-named-as-default-member -- as above
  const wav = new wavefile.WaveFile();
  wav.fromScratch(channels, sampleRate, '16', []);
  // As bytes: a minute of a call takes 2 ms so, and 150 as samples, while other calls wait.
  const samples = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  Object.assign(wav.data, { samples, chunkSize: samples.length });
  return Buffer.from(wav.toBuffer());
}
