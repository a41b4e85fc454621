import { encodeG711 } from '../../ingress/sip/media/g711.ts';
import type { G711Codec } from '../../ingress/sip/media/g711.ts';
import { FRAME_SAMPLES } from './frame.ts';
import { isSpeech } from './speech-meter.ts';

/** A phrase ready to be sent: 20 ms of G.711 a frame, beginning and ending with speech. */
export interface Utterance {
  readonly text: string;
  readonly frames: readonly Uint8Array[];
}

/**
 * Cuts a rendered phrase (16-bit mono, 8 kHz) into frames. Silence before and after is cut off,
 * so that the last frame sent is the last speech, from which the reply is timed.
 * Throws when the phrase has no speech.
 */
export function toUtterance(text: string, samples: Int16Array, codec: G711Codec): Utterance {
  const frames: Int16Array[] = [];
  for (let start = 0; start < samples.length; start += FRAME_SAMPLES) {
    const frame = new Int16Array(FRAME_SAMPLES);
    frame.set(samples.subarray(start, start + FRAME_SAMPLES));
    frames.push(frame);
  }
  const first = frames.findIndex(isSpeech);
  if (first < 0) throw new Error(`nothing is heard of the phrase: ${text}`);
  const last = frames.findLastIndex(isSpeech);
  return { text, frames: frames.slice(first, last + 1).map((frame) => encodeG711(codec, frame)) };
}
