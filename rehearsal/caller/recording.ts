import { writeFile } from 'node:fs/promises';
import { encodeWav } from '../audio/wav.ts';
import { SAMPLE_RATE } from './frame.ts';

/**
 * A rebase is due when packets come this far from where their timestamps put them, samples. Less
 * may be this process: packets wait when it is busy, and the recording must not suffer.
 */
const MAX_SLIP = SAMPLE_RATE * 2;

/** Both sides of a call on one time line that begins at the answer: left caller, right agent. */
export interface StereoRecording {
  /** `at`: ms since the answer. */
  said(samples: Int16Array, at: number): void;
  /** Placed by RTP timestamp, so that jitter is not heard and a lost packet is a gap. */
  heard(samples: Int16Array, timestamp: number, at: number): void;
  /** Rejects when the file cannot be written. */
  save(path: string): Promise<void>;
}

export function createStereoRecording(): StereoRecording {
  const left = createTrack();
  const right = createTrack();
  let base: { timestamp: number; position: number } | undefined;
  return {
    said: (samples, at) => left.put(samples, toSamples(at)),
    heard(samples, timestamp, at) {
      const arrival = toSamples(at);
      let position = base ? base.position + toSigned(timestamp - base.timestamp) : arrival;
      if (!base || Math.abs(position - arrival) > MAX_SLIP) {
        base = { timestamp, position: arrival };
        position = arrival;
      }
      right.put(samples, position);
    },
    async save(path) {
      const frames = Math.max(left.length, right.length);
      const pcm = new Int16Array(frames * 2);
      left.interleave(pcm, 0);
      right.interleave(pcm, 1);
      await writeFile(path, encodeWav({ pcm, sampleRate: SAMPLE_RATE, channels: 2 }));
    },
  };
}

const toSamples = (ms: number): number => Math.max(0, Math.round((ms * SAMPLE_RATE) / 1_000));
/** RTP timestamps wrap at 2^32. */
const toSigned = (difference: number): number => difference | 0;

function createTrack() {
  let samples = new Int16Array(SAMPLE_RATE * 60);
  let length = 0;
  return {
    get length() {
      return length;
    },
    put(part: Int16Array, position: number): void {
      const start = Math.max(0, position);
      const end = start + part.length;
      if (end > samples.length) {
        const grown = new Int16Array(Math.max(end, samples.length * 2));
        grown.set(samples);
        samples = grown;
      }
      samples.set(part, start);
      length = Math.max(length, end);
    },
    interleave(into: Int16Array, channel: number): void {
      for (let i = 0; i < length; i += 1) into[i * 2 + channel] = samples[i] ?? 0;
    },
  };
}
