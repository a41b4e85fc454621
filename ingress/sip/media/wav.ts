// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import wavefile from 'wavefile';

/** PCM16 audio, interleaved when it has more than one channel. */
export interface Recording {
  readonly pcm: Int16Array;
  /** Hz */
  readonly sampleRate: number;
  readonly channels: number;
}

/** PCM, and WAVE_FORMAT_EXTENSIBLE, which sox writes for some PCM files. */
const FORMATS = [1, 0xfffe];

/**
 * Reads a RIFF/WAVE file of 16-bit PCM; a cut-off file gives what is there.
 * @throws Error when it is no WAV file or holds anything but 16-bit PCM.
 */
export function decodeWav(file: Uint8Array): Recording {
  // oxlint-disable-next-line import/no-named-as-default-member -- as above
  const wav = new wavefile.WaveFile();
  try {
    wav.fromBuffer(file);
  } catch (error) {
    throw new Error('not a WAV file', { cause: error });
  }
  const { audioFormat, numChannels, sampleRate } = wav.fmt as Format;
  if (!FORMATS.includes(audioFormat) || wav.bitDepth !== '16') {
    throw new Error(`WAV format ${audioFormat} (${wav.bitDepth}); only 16-bit PCM is read`);
  }
  const pcm = wav.getSamples(true, Int16Array) as unknown as Int16Array;
  return { pcm, sampleRate, channels: numChannels };
}

interface Format {
  readonly audioFormat: number;
  readonly numChannels: number;
  readonly sampleRate: number;
}
