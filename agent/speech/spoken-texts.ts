import type { tts, voice } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { createHash } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import wavefile from 'wavefile';
import type { Logger } from 'pino';
import type { AgentProfile } from '../../config/config.ts';
import { makeFolder } from '../../config/make-folder.ts';
import { isAudibleSample } from '../audio/audible.ts';
import { TTS_SAMPLE_RATE } from '../audio/sample-rates.ts';
import { TIMED_TRANSCRIPT } from '../audio/spoken-account.ts';

/** Frames of a greeting: long enough to be cheap, short enough to stop at once on barge-in. */
const FRAME_SAMPLES = TTS_SAMPLE_RATE / 20;

/** A caller may be waiting for it in silence. */
const QUICKLY = { maxRetry: 1, retryIntervalMs: 100, timeoutMs: 5_000 };

/**
 * What is the same in every call: texts (greetings, goodbyes), synthesised once per voice and kept
 * in memory and in the data folder, so that a caller is greeted without waiting for the TTS; and
 * recordings.
 */
export class SpokenTexts {
  readonly #folder: string;
  readonly #makeVoice: (profile: AgentProfile) => tts.TTS;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #samples = new Map<string, Promise<Int16Array>>();

  constructor(
    folder: string,
    makeVoice: (profile: AgentProfile) => tts.TTS,
    log: Pick<Logger, 'warn'>,
  ) {
    this.#folder = folder;
    this.#makeVoice = makeVoice;
    this.#log = log;
  }

  /** PCM of `text` at `TTS_SAMPLE_RATE`; rejects when the TTS fails, and tries again next time. */
  samples(profile: AgentProfile, text: string): Promise<Int16Array> {
    const key = createHash('sha256')
      .update(JSON.stringify([profile.tts, text]))
      .digest('hex');
    const known = this.#samples.get(key);
    if (known) return known;
    const made = this.#load(join(this.#folder, `${key.slice(0, 32)}.pcm`), profile, text);
    this.#samples.set(key, made);
    made.catch(() => this.#samples.delete(key));
    return made;
  }

  /** PCM of a WAV file at `TTS_SAMPLE_RATE`; resampled once, which takes 10 ms a second. */
  recording(file: string): Promise<Int16Array> {
    const known = this.#samples.get(file);
    if (known) return known;
    const read = readWav(file);
    this.#samples.set(file, read);
    read.catch(() => this.#samples.delete(file));
    return read;
  }

  async #load(file: string, profile: AgentProfile, text: string): Promise<Int16Array> {
    const saved = await readFile(file).catch(() => undefined);
    // A power cut may leave a file without what was in it.
    if (saved && saved.length > 0 && saved.length % 2 === 0)
      return new Int16Array(new Uint8Array(saved).buffer);
    const voice = this.#makeVoice(profile);
    let samples: Int16Array;
    try {
      samples = await synthesise(text, voice);
    } finally {
      await voice.close();
    }
    await this.#keep(file, samples);
    return samples;
  }

  /** Never throws: without a disk it is spoken all the same, and made again by the next process. */
  async #keep(file: string, samples: Int16Array): Promise<void> {
    const temporary = `${file}.${process.pid}`;
    try {
      makeFolder(this.#folder);
      await writeFile(temporary, new Uint8Array(samples.buffer));
      await rename(temporary, file); // whole or not at all: several processes share the folder
    } catch (error) {
      this.#log.warn({ err: error }, 'a fixed text is not kept on disk');
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }
}

/** As `AgentSession.say(text, { audio })` wants it; with its words, where it has any. */
export function asFrames(samples: Int16Array, text?: string): ReadableStream<AudioFrame> {
  return ReadableStream.from(frames(samples, text));
}

/** Plays to the end, with or without a session; at most `timeoutMs`. */
export async function play(
  samples: Int16Array,
  speaker: voice.AudioOutput,
  timeoutMs: number,
): Promise<void> {
  const played = (async () => {
    for (const frame of frames(samples)) await speaker.captureFrame(frame);
    speaker.flush();
    await speaker.waitForPlayout();
  })();
  await Promise.race([played, delay(timeoutMs, undefined, { ref: false })]);
}

function* frames(samples: Int16Array, text?: string): Generator<AudioFrame> {
  const endTime = (samples.findLastIndex(isAudibleSample) + 1) / TTS_SAMPLE_RATE;
  for (let at = 0; at < samples.length; at += FRAME_SAMPLES) {
    const piece = samples.slice(at, at + FRAME_SAMPLES);
    const words = at === 0 && text ? { [TIMED_TRANSCRIPT]: [{ text, startTime: 0, endTime }] } : {};
    yield new AudioFrame(piece, TTS_SAMPLE_RATE, 1, piece.length, words);
  }
}

async function readWav(file: string): Promise<Int16Array> {
  // oxlint-disable-next-line import/no-named-as-default-member -- as above
  const wav = new wavefile.WaveFile(await readFile(file));
  wav.toBitDepth('16');
  wav.toSampleRate(TTS_SAMPLE_RATE);
  const channels = wav.getSamples(false, Int16Array) as unknown as Int16Array | Int16Array[];
  const samples = Array.isArray(channels) ? (channels[0] ?? new Int16Array()) : channels;
  if (!samples.some(isAudibleSample)) throw new Error(`nothing can be heard in ${file}`);
  return samples;
}

async function synthesise(text: string, voice: tts.TTS): Promise<Int16Array> {
  const pieces: Int16Array[] = [];
  if (voice.capabilities.streaming) {
    const stream = voice.stream({ connOptions: QUICKLY });
    stream.pushText(text);
    stream.endInput();
    for await (const audio of stream) {
      if (typeof audio !== 'symbol') pieces.push(audio.frame.data);
    }
  } else {
    for await (const audio of voice.synthesize(text, QUICKLY)) pieces.push(audio.frame.data);
  }
  const samples = new Int16Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    samples.set(piece, at);
    at += piece.length;
  }
  if (!samples.some(isAudibleSample)) throw new Error('the TTS returned no sound');
  return samples;
}
