import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

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

/**
 * Reads a RIFF/WAVE file of PCM16, 8 kHz, mono.
 *
 * @throws when it is anything else
 */
function readWav(file: URL): Int16Array {
  const raw = readFileSync(file);
  let pcm: Int16Array | undefined;
  for (let at = 12; at + 8 <= raw.length;) {
    const id = raw.toString('latin1', at, at + 4);
    const size = raw.readUInt32LE(at + 4);
    const chunk = raw.subarray(at + 8, at + 8 + size);
    const isTelephone =
      chunk.length >= 16 &&
      chunk.readUInt16LE(0) === 1 &&
      chunk.readUInt16LE(2) === 1 &&
      chunk.readUInt32LE(4) === 8000 &&
      chunk.readUInt16LE(14) === 16;
    if (id === 'fmt ' && !isTelephone) throw new Error(`${file.pathname}: not PCM16, 8 kHz, mono`);
    if (id === 'data') {
      const bytes = Uint8Array.from(chunk.subarray(0, chunk.length & ~1));
      pcm = new Int16Array(bytes.buffer);
    }
    at += 8 + size + (size % 2);
  }
  if (!pcm) throw new Error(`${file.pathname}: no audio in it`);
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
