import { createHash } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { resample } from '../audio/resampler.ts';
import { makeFolder } from '../../config/make-folder.ts';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import { encodeWav } from '../audio/wav.ts';
import type { RenderAnswer, RenderRequest } from './espeak-worker.ts';
import { languageOf } from './language-of.ts';
import { levelSpeech } from './level-speech.ts';
import { splitSentences } from './split-sentences.ts';

/** Who speaks: the caller and the agent sound like two people. */
export type Speaker = 'caller' | 'agent';

/** Hz of the renderings on disk and in memory. */
const STORED_RATE = 24_000;
/** Words per minute of calm telephone speech. */
const WORDS_PER_MINUTE = 165;
/** Between two sentences, seconds. */
const SENTENCE_GAP = 0.28;
/** Change when renderings change, so that old cached ones are not used. */
const CACHE_VERSION = 2;
/** About 10 minutes of speech. */
const MEMORY_LIMIT_BYTES = 64 * 1024 * 1024;

const VARIANTS: Record<Speaker, string> = { caller: 'm3', agent: 'f4' };
const ESPEAK_LANGUAGES: Record<string, string> = { en: 'en-us', fr: 'fr-fr', es: 'es-419' };

export interface SpeakOptions {
  readonly speaker: Speaker;
  /** ISO 639-1; found from the script of the text when absent. */
  readonly language?: string | undefined;
  /** Hz of the answer. */
  readonly sampleRate: number;
}

/** Text to speech on this machine: eSpeak NG in a worker thread, cached in memory and on disk. */
export class Voice {
  readonly #folder: string;
  readonly #memory = new Map<string, Promise<Int16Array>>();
  #memoryBytes = 0;
  #worker: Worker | undefined;
  #nextId = 0;
  readonly #waiting = new Map<number, PromiseWithResolvers<Int16Array>>();

  /** @param dataDir - folder that gets a `rehearsal-voice` folder of WAV files */
  constructor(dataDir: string) {
    this.#folder = join(dataDir, 'rehearsal-voice');
  }

  /** The text as PCM16 mono, peak -3 dBFS, without silence around it; empty for no words. */
  async speak(text: string, options: SpeakOptions): Promise<Int16Array> {
    const sentences: Int16Array[] = [];
    for (const sentence of splitSentences(text)) {
      const audio = await this.#sentence(sentence, options);
      if (audio.length > 0) sentences.push(audio);
    }
    const gap = Math.round(SENTENCE_GAP * options.sampleRate);
    return join16(sentences, gap);
  }

  /** Ends the worker thread; what is being rendered is refused. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#refuse(new Error('voice closed'));
    await worker?.terminate();
  }

  #sentence(text: string, { speaker, language, sampleRate }: SpeakOptions): Promise<Int16Array> {
    const code = language ?? languageOf(text);
    const voice = `${ESPEAK_LANGUAGES[code] ?? code}+${VARIANTS[speaker]}`;
    const key = createHash('sha256')
      .update(JSON.stringify([CACHE_VERSION, voice, WORDS_PER_MINUTE, text]))
      .digest('hex')
      .slice(0, 32);
    return this.#remember(`${key}@${sampleRate}`, async () => {
      if (sampleRate === STORED_RATE) return this.#stored(key, text, voice);
      const stored = await this.#remember(key, () => this.#stored(key, text, voice));
      // What the narrower band made inaudible at the ends is silence now.
      return levelSpeech(resample(stored, STORED_RATE, sampleRate), sampleRate);
    });
  }

  /** From memory, or made by `make`; the least recently used go first when memory is full. */
  #remember(key: string, make: () => Promise<Int16Array>): Promise<Int16Array> {
    const known = this.#memory.get(key);
    if (known) {
      this.#memory.delete(key);
      this.#memory.set(key, known);
      return known;
    }
    const made = make();
    this.#memory.set(key, made);
    void this.#account(key, made);
    return made;
  }

  async #account(key: string, made: Promise<Int16Array>): Promise<void> {
    try {
      this.#memoryBytes += (await made).byteLength;
    } catch {
      this.#memory.delete(key);
      return;
    }
    await this.#shrink();
  }

  async #shrink(): Promise<void> {
    for (const [key, made] of this.#memory) {
      if (this.#memoryBytes <= MEMORY_LIMIT_BYTES) return;
      this.#memory.delete(key);
      const pcm = await made.catch(() => new Int16Array(0));
      this.#memoryBytes -= pcm.byteLength;
    }
  }

  async #stored(key: string, text: string, voice: string): Promise<Int16Array> {
    const path = join(this.#folder, `${key}.wav`);
    try {
      return decodeWav(await readFile(path)).pcm;
    } catch {
      // Not there yet, or broken: made anew.
    }
    const pcm = await this.#render({
      id: this.#nextId++,
      text,
      voice,
      rate: WORDS_PER_MINUTE,
      sampleRate: STORED_RATE,
    });
    await this.#store(path, pcm);
    return pcm;
  }

  /** The cache only saves time: a full or read-only disk changes nothing else. */
  async #store(path: string, pcm: Int16Array): Promise<void> {
    const part = `${path}.${process.pid}.${this.#nextId++}`;
    try {
      makeFolder(this.#folder);
      await writeFile(part, encodeWav({ pcm, sampleRate: STORED_RATE, channels: 1 }));
      await rename(part, path);
    } catch {
      return;
    }
  }

  #render(request: RenderRequest): Promise<Int16Array> {
    const answer = Promise.withResolvers<Int16Array>();
    this.#waiting.set(request.id, answer);
    this.#worker ??= this.#startWorker();
    this.#worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- no window but a thread
    this.#worker.postMessage(request);
    return answer.promise;
  }

  #startWorker(): Worker {
    const worker = new Worker(new URL('./espeak-worker.ts', import.meta.url));
    worker.on('message', (answer: RenderAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      // Only a rendering that somebody awaits keeps the process alive.
      if (this.#waiting.size === 0) worker.unref();
      if ('pcm' in answer) waiting?.resolve(answer.pcm);
      else waiting?.reject(new Error(`text could not be rendered: ${answer.error}`));
    });
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#refuse(error);
    });
    return worker;
  }

  #refuse(reason: unknown): void {
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }
}

function join16(parts: readonly Int16Array[], gap: number): Int16Array {
  const length = parts.reduce((total, part) => total + part.length, 0);
  const joined = new Int16Array(length + gap * Math.max(0, parts.length - 1));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length + gap;
  }
  return joined;
}
