import { FRAME_MS, FRAME_SAMPLES } from './frame.ts';
import { isSpeech } from './speech-meter.ts';

/** Kept before and after each part, for sounds that begin and end softly. */
const MARGIN_FRAMES = 2;

/** The parts of a recording (8 kHz) between pauses of `pauseMs` or more. */
export function splitAtPauses(samples: Int16Array, pauseMs: number): Int16Array[] {
  const parts: { first: number; last: number }[] = [];
  const frames = Math.ceil(samples.length / FRAME_SAMPLES);
  for (let frame = 0; frame < frames; frame += 1) {
    if (!isSpeech(samples.subarray(frame * FRAME_SAMPLES, (frame + 1) * FRAME_SAMPLES))) continue;
    const part = parts.at(-1);
    if (part && (frame - part.last) * FRAME_MS <= pauseMs) part.last = frame;
    else parts.push({ first: frame, last: frame });
  }
  return parts.map(({ first, last }) =>
    samples.slice(
      Math.max(0, first - MARGIN_FRAMES) * FRAME_SAMPLES,
      (last + 1 + MARGIN_FRAMES) * FRAME_SAMPLES,
    ),
  );
}

/** One recording out of several. */
export function concatenate(parts: readonly Int16Array[]): Int16Array {
  const joined = new Int16Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}
