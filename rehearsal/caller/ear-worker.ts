/** Worker thread that understands the agent, so that the caller's media clock never waits. */
import { parentPort, workerData } from 'node:worker_threads';
import { deskLines } from '../desk/desk.ts';
import { createRecogniser, UNKNOWN_TEXT } from '../recogniser/recogniser.ts';
import type { Recogniser } from '../recogniser/recogniser.ts';
import { splitSentences } from '../voice/split-sentences.ts';
import { Voice } from '../voice/voice.ts';
import { SAMPLE_RATE } from './frame.ts';
import { concatenate, splitAtPauses } from './recordings.ts';

export interface EarData {
  readonly dataDir: string;
  /** What the agent may say beside the desk's lines, e.g. greetings. */
  readonly texts: readonly string[];
}

export interface EarRequest {
  readonly id: number;
  /** 16-bit mono, 8 kHz. */
  readonly samples: Int16Array;
}

export interface EarAnswer {
  readonly id: number;
  /** Undefined: nothing was understood. */
  readonly text: string | undefined;
}

/** Between two sentences of the rehearsal voice lie 280 ms. */
const PAUSE_MS = 200;
const NOT_UNDERSTOOD = '…';

async function learn({ dataDir, texts }: EarData): Promise<Recogniser> {
  const voice = new Voice(dataDir);
  const speak = (text: string) => voice.speak(text, { speaker: 'agent', sampleRate: SAMPLE_RATE });
  const spoken = await Promise.all(
    [...new Set([...texts, ...deskLines()])].map(async (text) => {
      const sentences = splitSentences(text);
      const parts = await Promise.all(sentences.map(speak));
      // Streamed sentence by sentence, they follow each other without a pause.
      return [
        { text, pcm: concatenate(parts) },
        ...sentences.map((text, i) => ({ text, pcm: parts[i] ?? new Int16Array() })),
      ];
    }),
  );
  await voice.close();
  const phrases = new Map(spoken.flat().map((phrase) => [phrase.text, phrase]));
  return createRecogniser([...phrases.values()].filter(({ pcm }) => pcm.length > 0));
}

function understand(recogniser: Recogniser, samples: Int16Array): string | undefined {
  const texts = splitAtPauses(samples, PAUSE_MS)
    .map((part) => recogniser.recognise(part, SAMPLE_RATE).text)
    .filter((text) => text !== '')
    .map((text) => (text === UNKNOWN_TEXT ? NOT_UNDERSTOOD : text));
  return texts.some((text) => text !== NOT_UNDERSTOOD) ? texts.join(' ') : undefined;
}

const port = parentPort;
if (!port) throw new Error('ear-worker.ts runs as a worker thread only');
const ready = learn(workerData as EarData);
// Without the phrases nothing is understood, and the call goes on.
ready.catch(() => undefined);
port.on('message', ({ id, samples }: EarRequest) => {
  ready
    .then((recogniser) => understand(recogniser, samples))
    .catch(() => undefined)
    .then((text) => port.postMessage({ id, text } satisfies EarAnswer))
    .catch((error: unknown) => {
      throw error;
    });
});
