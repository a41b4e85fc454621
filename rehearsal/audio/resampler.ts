/** Half-width of the interpolation kernel in zero crossings: about 60 dB of stop band. */
const ZERO_CROSSINGS = 12;
/** Pass band as a share of the narrower Nyquist frequency. */
const ROLL_OFF = 0.92;

/**
 * Streaming polyphase windowed-sinc resampler for PCM16 mono. It is ours because rtc-node's adds
 * dither: the same sound comes out of it otherwise each time.
 */
export class Resampler {
  readonly #up: number;
  readonly #down: number;
  readonly #half: number;
  readonly #kernels: readonly Float32Array[];
  /** Unread input, beginning `#half` samples before the next output's position. */
  #pending: Int16Array;
  /** Position of the next output in units of 1 / up input samples, from `#pending[#half - 1]`. */
  #phase = 0;

  /** @throws RangeError when a rate is not a whole number from 1,000 to 192,000 Hz. */
  constructor(from: number, to: number) {
    for (const rate of [from, to]) {
      if (!Number.isInteger(rate) || rate < 1000 || rate > 192_000) {
        throw new RangeError(`sample rate ${rate} Hz is outside 1000 to 192000`);
      }
    }
    const divisor = greatestCommonDivisor(from, to);
    this.#up = to / divisor;
    this.#down = from / divisor;
    const cutoff = ROLL_OFF * Math.min(1, to / from);
    this.#half = Math.ceil(ZERO_CROSSINGS / cutoff);
    this.#kernels = Array.from({ length: this.#up }, (_, phase) =>
      kernel(this.#half, phase / this.#up, cutoff),
    );
    this.#pending = new Int16Array(this.#half - 1);
  }

  /** The output that is complete so far; the filter delay is held back until `flush`. */
  write(input: Int16Array): Int16Array {
    const buffer = new Int16Array(this.#pending.length + input.length);
    buffer.set(this.#pending);
    buffer.set(input, this.#pending.length);
    const taps = this.#half * 2;
    const usable = (buffer.length - taps + 1) * this.#up - this.#phase;
    const count = Math.max(0, Math.ceil(usable / this.#down));
    const output = new Int16Array(count);
    let position = this.#phase;
    for (let index = 0; index < count; index++, position += this.#down) {
      const start = Math.floor(position / this.#up);
      const weights = this.#kernels[position % this.#up] as Float32Array;
      let sum = 0;
      for (let tap = 0; tap < taps; tap++) {
        sum += (weights[tap] as number) * (buffer[start + tap] as number);
      }
      output[index] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
    }
    const consumed = Math.min(Math.floor(position / this.#up), buffer.length);
    this.#phase = position - consumed * this.#up;
    this.#pending = buffer.slice(consumed);
    return output;
  }

  /** The rest of the signal; the resampler is spent afterwards. */
  flush(): Int16Array {
    return this.write(new Int16Array(this.#half));
  }
}

/** A whole recording at another rate; its length is `pcm.length * to / from`, rounded up. */
export function resample(pcm: Int16Array, from: number, to: number): Int16Array {
  if (from === to) return pcm;
  const resampler = new Resampler(from, to);
  const body = resampler.write(pcm);
  const tail = resampler.flush();
  const length = Math.ceil((pcm.length * to) / from);
  const output = new Int16Array(length);
  output.set(body.subarray(0, length));
  output.set(tail.subarray(0, Math.max(0, length - body.length)), Math.min(body.length, length));
  return output;
}

/** Windowed sinc (Hann) for an output that lies `fraction` of a sample after tap `half - 1`. */
function kernel(half: number, fraction: number, cutoff: number): Float32Array {
  const weights = new Float32Array(half * 2);
  let total = 0;
  for (let tap = 0; tap < weights.length; tap++) {
    const distance = tap - (half - 1) - fraction;
    const angle = Math.PI * distance * cutoff;
    const sinc = Math.abs(angle) < 1e-9 ? 1 : Math.sin(angle) / angle;
    const window = 0.5 * (1 + Math.cos((Math.PI * distance) / half));
    weights[tap] = Math.abs(distance) < half ? sinc * window : 0;
    total += weights[tap] as number;
  }
  return weights.map((weight) => weight / total);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
