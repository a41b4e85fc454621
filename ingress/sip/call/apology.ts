import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeWav } from '../media/wav.ts';

/** 20 ms at 8 kHz. */
const FRAME_SAMPLES = 160;
const FRAME_MS = 20;
const LANGUAGES = ['en', 'ru'] as const;

type Language = (typeof LANGUAGES)[number];

const cache = new Map<Language, Int16Array>();

/** The spoken apology in the line's language, English where there is none: PCM16, 8 kHz, mono. */
export function apologyFor(language: string): Int16Array {
  const base = language.toLowerCase().split('-')[0];
  const known = LANGUAGES.find((language) => language === base) ?? 'en';
  const pcm = cache.get(known) ?? readWav(new URL(`prompts/apology-${known}.wav`, import.meta.url));
  cache.set(known, pcm);
  return pcm;
}

/** @throws when it is anything but PCM16, 8 kHz, mono */
function readWav(file: URL): Int16Array {
  const { pcm, sampleRate, channels } = decodeWav(readFileSync(file));
  if (sampleRate !== 8000 || channels !== 1) throw new Error(`${file.pathname}: not 8 kHz, mono`);
  return pcm;
}

/** Sends at the pace of speech, without drift; resolves at the end, or when aborted. */
export async function play(
  pcm: Int16Array,
  send: (frame: Int16Array) => void,
  signal: AbortSignal,
): Promise<void> {
  const start = performance.now();
  for (let at = 0, frames = 0; at < pcm.length && !signal.aborted; at += FRAME_SAMPLES) {
    const frame = new Int16Array(FRAME_SAMPLES);
    frame.set(pcm.subarray(at, at + FRAME_SAMPLES));
    send(frame);
    frames += 1;
    const wait = start + frames * FRAME_MS - performance.now();
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => undefined);
  }
}
