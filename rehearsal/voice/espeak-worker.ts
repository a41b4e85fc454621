/** Worker thread that renders text with eSpeak NG (WebAssembly), so that sockets never wait. */
import { parentPort } from 'node:worker_threads';
import loadEspeak, { type EspeakWorker } from '@echogarden/espeak-ng-emscripten';
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

export type RenderAnswer =
  | { readonly id: number; readonly pcm: Int16Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

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
const espeak = loadEspeak().then((module) => new module.eSpeakNGWorker());

async function answer(request: RenderRequest): Promise<void> {
  try {
    const pcm = render(await espeak, request);
    port?.postMessage({ id: request.id, pcm } satisfies RenderAnswer, [pcm.buffer]);
  } catch (error) {
    port?.postMessage({ id: request.id, error: String(error) } satisfies RenderAnswer);
  }
}

port.on('message', (request: RenderRequest) => void answer(request));
