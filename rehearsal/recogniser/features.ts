import { BANDS, HOP, WINDOW, bandPowers } from './spectrum.ts';

/** Numbers that describe one frame: cepstral coefficients and the loudness contour. */
export const DIMENSIONS = 13;
/** dB below the loudest band of the utterance at which detail is ignored: noise and silence. */
const FLOOR_DB = 38;
/** Weight of the loudness against the shape of the spectrum. */
const LOUDNESS_WEIGHT = 0.6;
/** Band power that counts as nothing, dB: line noise below -70 dBFS. */
const SILENCE_DB = -62;

/** `DIMENSIONS` numbers per frame, frame after frame. */
export type Features = Float32Array;

const BASIS: readonly Float32Array[] = Array.from({ length: DIMENSIONS }, (_, order) =>
  Float32Array.from(
    { length: BANDS },
    (_, band) =>
      Math.sqrt((order === 0 ? 1 : 2) / BANDS) * Math.cos((Math.PI * order * (band + 0.5)) / BANDS),
  ),
);

/** dB below the loudest frame at which an utterance begins and ends. */
const EDGE_DB = 30;

/** Band powers of a whole recording at 8 kHz. */
export function analyse(pcm: Int16Array): Float32Array[] {
  const frames: Float32Array[] = [];
  for (let start = 0; start + WINDOW <= pcm.length + HOP; start += HOP) {
    frames.push(bandPowers(pcm, start));
  }
  return frames;
}

/**
 * Makes an utterance comparable whatever its level: log band powers against the loudest band,
 * as a cosine transform. Unit: about dB.
 */
export function describe(frames: readonly Float32Array[]): Features {
  const features = new Float32Array(frames.length * DIMENSIONS);
  const loudest = loudestDecibels(frames);
  const bands = new Float32Array(BANDS);
  frames.forEach((frame, index) => {
    for (let band = 0; band < BANDS; band++) {
      bands[band] = Math.max(0, decibels(frame[band] as number) - loudest + FLOOR_DB);
    }
    for (let order = 0; order < DIMENSIONS; order++) {
      const basis = BASIS[order] as Float32Array;
      let sum = 0;
      for (let band = 0; band < BANDS; band++) {
        sum += (bands[band] as number) * (basis[band] as number);
      }
      features[index * DIMENSIONS + order] = order === 0 ? sum * LOUDNESS_WEIGHT : sum;
    }
  });
  return features;
}

/** The first and the last frame that are clearly audible; undefined when all is silence. */
export function audibleRange(
  frames: readonly Float32Array[],
): { readonly first: number; readonly last: number } | undefined {
  const threshold = Math.max(loudestDecibels(frames) - EDGE_DB, SILENCE_DB);
  const audible = (frame: Float32Array) => decibels(Math.max(...frame)) > threshold;
  const first = frames.findIndex(audible);
  return first < 0 ? undefined : { first, last: frames.findLastIndex(audible) };
}

/** The level that the loudest few per cent of all bands reach, dB. */
function loudestDecibels(frames: readonly Float32Array[]): number {
  const peaks = frames.map((frame) => decibels(Math.max(...frame))).sort((a, b) => b - a);
  return peaks[Math.floor(peaks.length * 0.05)] ?? 0;
}

function decibels(power: number): number {
  return 10 * Math.log10(power + 1e-10);
}
