/** Worker thread that renders text with eSpeak NG (WebAssembly), so that sockets never wait. */
import { parentPort } from 'node:worker_threads';
import loadEspeak from '@echogarden/espeak-ng-emscripten';
import type { EspeakWorker } from '@echogarden/espeak-ng-emscripten';
import { resample } from '../audio/resampler.ts';
import { levelSpeech } from './level-speech.ts';

export interface RenderRequest {
  readonly id: number;
  readonly text: string;
  /** eSpeak voice with variant, e.g. `en-us+m3`. */
  readonly voice: string;
  /** Words per minute. */
  readonly rate: number;
  /** Hz of the answer. */
  readonly sampleRate: number;
}

/** Of a text, bytes in UTF-8; a sentence is far shorter. */
const LONGEST_TEXT = 8_192;

export type RenderAnswer =
  | { readonly id: number; readonly pcm: Int16Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

/**
 * eSpeak NG as it is after its first word, for every text anew: it keeps random numbers and its
 * synthesiser's state from one text to the next, and would say the same words differently. (Which
 * word decides the noise in its consonants; with this one the recogniser tells all phrases apart
 * with room to spare.)
 *
 * What its JavaScript side remembers of that memory is a buffer for texts, which grows on demand
 * and lies elsewhere then: it is made as long as it ever needs to be before the memory is kept.
 */
async function openEspeak(): Promise<(request: RenderRequest) => Int16Array<ArrayBuffer>> {
  const module = await loadEspeak();
  const espeak = new module.eSpeakNGWorker();
  for (let i = 0; i < 2; i++) espeak.synthesize(' '.repeat(LONGEST_TEXT), () => false);
  espeak.set_voice('en-us+m3');
  espeak.synthesize('One.', () => false);
  const start = module.HEAPU8.slice();
  return (request) => {
    if (Buffer.byteLength(request.text) > LONGEST_TEXT) {
      throw new RangeError(`it is longer than ${LONGEST_TEXT} bytes`);
    }
    module.HEAPU8.set(start);
    return render(espeak, request);
  };
}

function render(espeak: EspeakWorker, request: RenderRequest): Int16Array<ArrayBuffer> {
  espeak.set_voice(request.voice);
  espeak.set_rate(request.rate);
  const chunks: Int16Array[] = [];
  espeak.synthesize(request.text, (audio) => {
    if (audio) chunks.push(audio);
    return false;
  });
  const raw = new Int16Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    raw.set(chunk, offset);
    offset += chunk.length;
  }
  return levelSpeech(resample(raw, espeak.samplerate, request.sampleRate), request.sampleRate);
}

const port = parentPort;
if (!port) throw new Error('espeak-worker.ts runs as a worker thread only');
const rendering = openEspeak();

async function answer(request: RenderRequest): Promise<void> {
  try {
    const pcm = (await rendering)(request);
    port?.postMessage({ id: request.id, pcm } satisfies RenderAnswer, [pcm.buffer]);
  } catch (error) {
    port?.postMessage({ id: request.id, error: String(error) } satisfies RenderAnswer);
  }
}

port.on('message', (request: RenderRequest) => void answer(request));
