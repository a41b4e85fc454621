/** Hz; everything is compared in the telephone band. */
export const RATE = 8000;
/** Samples between two frames: 20 ms, the usual RTP packet. */
export const HOP = 80;
/** Samples that a frame looks at: 25 ms. */
export const WINDOW = 200;
/** Mel bands of a frame. */
export const BANDS = 20;

/** Points of the Fourier transform; the window is padded with silence. */
const POINTS = 256;
const LOWEST_HZ = 200;
const HIGHEST_HZ = 3400;

const HANN = Float32Array.from(
  { length: WINDOW },
  (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (index + 0.5)) / WINDOW),
);
const REVERSED = Uint16Array.from({ length: POINTS }, (_, index) => {
  let reversed = 0;
  for (let bit = 1; bit < POINTS; bit <<= 1) {
    reversed = (reversed << 1) | (index & bit ? 1 : 0);
  }
  return reversed;
});
const COSINE = Float32Array.from({ length: POINTS / 2 }, (_, index) =>
  Math.cos((2 * Math.PI * index) / POINTS),
);
const SINE = Float32Array.from({ length: POINTS / 2 }, (_, index) =>
  Math.sin((2 * Math.PI * index) / POINTS),
);

interface Band {
  readonly firstBin: number;
  readonly weights: Float32Array;
}

const FILTERS: readonly Band[] = melFilters();
const real = new Float32Array(POINTS);
const imaginary = new Float32Array(POINTS);

/**
 * Mel band powers of the frame that begins at `start` in PCM16 at 8 kHz, linear, full scale = 1.
 * Samples past the end count as silence.
 */
export function bandPowers(pcm: Int16Array, start: number): Float32Array {
  real.fill(0);
  for (let index = 0; index < WINDOW; index++) {
    const sample = (pcm[start + index] ?? 0) / 32768;
    real[REVERSED[index] as number] = sample * (HANN[index] as number);
  }
  imaginary.fill(0);
  fft();
  const powers = new Float32Array(BANDS);
  for (let band = 0; band < BANDS; band++) {
    const { firstBin, weights } = FILTERS[band] as Band;
    let sum = 0;
    for (let index = 0; index < weights.length; index++) {
      const bin = firstBin + index;
      const power = (real[bin] as number) ** 2 + (imaginary[bin] as number) ** 2;
      sum += power * (weights[index] as number);
    }
    powers[band] = sum / WINDOW;
  }
  return powers;
}

/** In-place radix-2 FFT of `real` and `imaginary`, which are in bit-reversed order. */
function fft(): void {
  for (let size = 2; size <= POINTS; size <<= 1) {
    const half = size >> 1;
    const step = POINTS / size;
    for (let block = 0; block < POINTS; block += size) {
      for (let index = 0; index < half; index++) {
        const even = block + index;
        const odd = even + half;
        const cosine = COSINE[index * step] as number;
        const sine = SINE[index * step] as number;
        const re = (real[odd] as number) * cosine + (imaginary[odd] as number) * sine;
        const im = (imaginary[odd] as number) * cosine - (real[odd] as number) * sine;
        real[odd] = (real[even] as number) - re;
        imaginary[odd] = (imaginary[even] as number) - im;
        real[even] = (real[even] as number) + re;
        imaginary[even] = (imaginary[even] as number) + im;
      }
    }
  }
}

/** O'Shaughnessy's mel scale. */
function toMel(hz: number): number {
  return 2595 * Math.log10(1 + hz / 700);
}

function toHz(mel: number): number {
  return 700 * (10 ** (mel / 2595) - 1);
}

function melFilters(): Band[] {
  const low = toMel(LOWEST_HZ);
  const high = toMel(HIGHEST_HZ);
  const edges = Array.from(
    { length: BANDS + 2 },
    (_, index) => (toHz(low + ((high - low) * index) / (BANDS + 1)) * POINTS) / RATE,
  );
  return Array.from({ length: BANDS }, (_, band) => {
    const [left, centre, right] = edges.slice(band, band + 3) as [number, number, number];
    const firstBin = Math.ceil(left);
    const weights: number[] = [];
    for (let bin = firstBin; bin <= right; bin++) {
      weights.push(
        bin < centre ? (bin - left) / (centre - left) : (right - bin) / (right - centre),
      );
    }
    return { firstBin, weights: Float32Array.from(weights) };
  });
}
