import { setTimeout as delay } from 'node:timers/promises';
import { encodeG711 } from '../ingress/sip/media/g711.ts';

export type SpeechEncoding = 'linear16' | 'mulaw' | 'alaw';

/** Length of one chunk, seconds of speech. */
const CHUNK_SECONDS = 0.08;

export interface SpeechStreamOptions {
  readonly encoding: SpeechEncoding;
  readonly sampleRate: number;
  /** Times faster than it plays. */
  readonly speed: number;
  readonly signal: AbortSignal;
}

/** Speech in chunks at the pace of a provider; ends early, without an error, on abort. */
export async function* streamSpeech(
  pcm: Int16Array,
  { encoding, sampleRate, speed, signal }: SpeechStreamOptions,
): AsyncGenerator<Buffer> {
  const samples = Math.round(CHUNK_SECONDS * sampleRate);
  const began = performance.now();
  for (let start = 0; start < pcm.length; start += samples) {
    const due = began + ((start / sampleRate) * 1000) / speed;
    const wait = due - performance.now();
    if (wait >= 1) await delay(wait, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    yield encodeSpeech(pcm.subarray(start, start + samples), encoding);
  }
}

export function encodeSpeech(pcm: Int16Array, encoding: SpeechEncoding): Buffer {
  switch (encoding) {
    case 'linear16':
      return Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    case 'mulaw':
      return Buffer.from(encodeG711('PCMU', pcm).buffer);
    case 'alaw':
      return Buffer.from(encodeG711('PCMA', pcm).buffer);
    default:
      return encoding satisfies never;
  }
}
