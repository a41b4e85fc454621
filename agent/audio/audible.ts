import type { AudioFrame } from '@livekit/rtc-node';

/** -50 dBFS: below the noise of a telephone line, and so nothing to a caller. */
const AUDIBLE = 100;

/** Whether a caller can hear anything of it. */
export function isAudible({ data }: Pick<AudioFrame, 'data'>): boolean {
  return data.some(isAudibleSample);
}

export function isAudibleSample(sample: number): boolean {
  return sample > AUDIBLE || sample < -AUDIBLE;
}
