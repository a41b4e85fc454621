import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { encodeWav } from './audio/wav.ts';
import { Voice, type Speaker } from './voice/voice.ts';

const USAGE = `node rehearsal/say.ts --text "Hello." --out hello.wav
  --rate 8000          sample rate in Hz
  --speaker caller     or agent
  --pad-ms 0           silence before and after, ms
  --data-dir .trunkline  where rendered speech is kept`;

/** Writes what the rehearsal voice says as a WAV file, e.g. for sipp or baresip. */
export async function sayToFile(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      text: { type: 'string' },
      out: { type: 'string' },
      rate: { type: 'string', default: '8000' },
      speaker: { type: 'string', default: 'caller' },
      'pad-ms': { type: 'string', default: '0' },
      'data-dir': { type: 'string', default: '.trunkline' },
    },
  });
  const sampleRate = Number(values.rate);
  const padMs = Number(values['pad-ms']);
  if (!values.text || !values.out || !isSpeaker(values.speaker) || !(padMs >= 0)) {
    throw new Error(`usage: ${USAGE}`);
  }
  const voice = new Voice(resolve(values['data-dir']));
  try {
    const speech = await voice.speak(values.text, { speaker: values.speaker, sampleRate });
    const pad = Math.round((padMs * sampleRate) / 1000);
    const pcm = new Int16Array(speech.length + 2 * pad);
    pcm.set(speech, pad);
    await writeFile(values.out, encodeWav({ pcm, sampleRate, channels: 1 }));
    return `${values.out}: ${(pcm.length / sampleRate).toFixed(2)} s`;
  } finally {
    await voice.close();
  }
}

function isSpeaker(value: string): value is Speaker {
  return value === 'caller' || value === 'agent';
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await sayToFile(process.argv.slice(2))}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
