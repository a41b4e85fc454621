/** PCM16 audio, interleaved when it has more than one channel. */
export interface Recording {
  readonly pcm: Int16Array;
  /** Hz */
  readonly sampleRate: number;
  readonly channels: number;
}

const HEADER_BYTES = 44;
const PCM_FORMAT = 1;

/** A RIFF/WAVE file of 16-bit PCM. */
export function encodeWav({ pcm, sampleRate, channels }: Recording): Buffer {
  const file = Buffer.alloc(HEADER_BYTES + pcm.byteLength);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(HEADER_BYTES - 8 + pcm.byteLength, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(PCM_FORMAT, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(sampleRate, 24);
  file.writeUInt32LE(sampleRate * channels * 2, 28);
  file.writeUInt16LE(channels * 2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(pcm.byteLength, 40);
  Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength).copy(file, HEADER_BYTES);
  return file;
}

/**
 * Reads a RIFF/WAVE file of 16-bit PCM; other chunks are skipped and a cut-off file gives what is
 * there.
 * @throws Error when it is no WAV file or holds anything but 16-bit PCM.
 */
export function decodeWav(file: Uint8Array): Recording {
  const view = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (view.toString('latin1', 0, 4) !== 'RIFF' || view.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let sampleRate = 0;
  let channels = 0;
  for (let offset = 12; offset + 8 <= view.length;) {
    const id = view.toString('latin1', offset, offset + 4);
    const size = view.readUInt32LE(offset + 4);
    const body = view.subarray(offset + 8, offset + 8 + size);
    if (id === 'fmt ' && body.length >= 16) {
      const bits = body.readUInt16LE(14);
      // 0xFFFE is WAVE_FORMAT_EXTENSIBLE, which sox writes for some PCM files.
      const format = body.readUInt16LE(0);
      if ((format !== PCM_FORMAT && format !== 0xfffe) || bits !== 16) {
        throw new Error(`WAV format ${format} with ${bits} bits; only 16-bit PCM is read`);
      }
      channels = body.readUInt16LE(2);
      sampleRate = body.readUInt32LE(4);
    } else if (id === 'data') {
      if (sampleRate === 0 || channels === 0) throw new Error('WAV file without a format chunk');
      const samples = body.length >> 1;
      const pcm = new Int16Array(samples);
      for (let index = 0; index < samples; index++) pcm[index] = body.readInt16LE(index * 2);
      return { pcm, sampleRate, channels };
    }
    offset += 8 + size + (size & 1);
  }
  throw new Error('WAV file without audio');
}
