/** Samples in a second of telephone audio. */
export const SAMPLE_RATE = 8_000;
/** Samples of one packet that the caller sends: 20 ms. */
export const FRAME_SAMPLES = 160;
export const FRAME_MS = 20;
