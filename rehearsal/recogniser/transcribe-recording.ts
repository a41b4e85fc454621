import { resample } from '../audio/resampler.ts';
import type { Recogniser, Recognition } from './recogniser.ts';
import { RATE } from './spectrum.ts';
import { Transcriber } from './transcriber.ts';

/** Longer than any pause within a sentence of the rehearsal voices, ms. */
const SENTENCE_PAUSE_MS = 250;

/** An utterance in a recording; times in ms from its beginning. */
export interface Utterance extends Recognition {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Every utterance of a recording, PCM16 mono, in order: for tests of what a caller heard. The
 * recogniser has to know single sentences, because that is what pauses divide speech into.
 */
export function transcribeRecording(
  recogniser: Recogniser,
  pcm: Int16Array,
  sampleRate: number,
): Utterance[] {
  const transcriber = new Transcriber({
    recogniser,
    language: undefined,
    endpointingMs: SENTENCE_PAUSE_MS,
    interimMs: () => Infinity,
  });
  const events = transcriber.push(resample(pcm, sampleRate, RATE));
  return [...events, ...transcriber.flush()].flatMap((event) =>
    event.type === 'transcript' && event.text !== ''
      ? [
          {
            text: event.text,
            confidence: event.confidence,
            startMs: event.startMs,
            endMs: event.endMs,
          },
        ]
      : [],
  );
}
