/** Loudest sample of a finished rendering: -3 dBFS, as telephone prompts are mastered. */
const PEAK = 23_198;
/** Quieter than this against the loudest 10 ms is silence around the speech. */
const SILENCE_BELOW_PEAK_DB = 40;
/** Fades so that cutting makes no click, seconds. */
const FADE = 0.004;

/**
 * Speech without the silence around it, its peak at -3 dBFS: the end of the audio is the end of
 * the speech, which is what latencies are measured from.
 */
export function levelSpeech(pcm: Int16Array, sampleRate: number): Int16Array<ArrayBuffer> {
  const hop = Math.round(sampleRate / 100);
  const energies: number[] = [];
  for (let start = 0; start < pcm.length; start += hop) {
    let sum = 0;
    const end = Math.min(start + hop, pcm.length);
    for (let index = start; index < end; index++) sum += (pcm[index] as number) ** 2;
    energies.push(sum / (end - start));
  }
  const threshold = Math.max(...energies, 1) * 10 ** (-SILENCE_BELOW_PEAK_DB / 10);
  const first = energies.findIndex((energy) => energy > threshold);
  if (first < 0) return new Int16Array(0);
  const last = energies.findLastIndex((energy) => energy > threshold);
  const speech = pcm.slice(first * hop, Math.min((last + 1) * hop, pcm.length));
  let peak = 1;
  for (const sample of speech) peak = Math.max(peak, Math.abs(sample));
  const fade = Math.round(FADE * sampleRate);
  return Int16Array.from(speech, (sample, index) => {
    const edge = Math.min(1, (index + 1) / fade, (speech.length - index) / fade);
    return Math.round(((sample * PEAK) / peak) * edge);
  });
}
