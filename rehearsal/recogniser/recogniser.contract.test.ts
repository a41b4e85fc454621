import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeG711, encodeG711 } from '../../ingress/sip/media/g711.ts';
import { resample } from '../audio/resampler.ts';
import { deskLines } from '../desk/desk.ts';
import { PHRASES } from '../phrases.ts';
import { splitSentences } from '../voice/split-sentences.ts';
import { Voice } from '../voice/voice.ts';
import { loadPhraseBook } from './load-phrase-book.ts';
import { type Recogniser, UNKNOWN_BELOW, UNKNOWN_TEXT } from './recogniser.ts';
import { transcribeRecording } from './transcribe-recording.ts';
import { TESTS_DATA_DIR } from '../voice/fixtures/tests-data-dir.ts';

type Change = (pcm: Int16Array, random: () => number) => Int16Array;

const PACKET = 160;

let voice: Voice;
let recogniser: Recogniser;
let spoken: { text: string; pcm: Int16Array }[];

beforeAll(async () => {
  voice = new Voice(TESTS_DATA_DIR);
  recogniser = await loadPhraseBook(voice);
  spoken = await Promise.all(
    PHRASES.map(async ({ text }) => ({
      text,
      pcm: await voice.speak(text, { speaker: 'caller', sampleRate: 8000 }),
    })),
  );
});

afterAll(() => voice.close());

/** Phrases that are not heard as themselves after a change of their sound, or not surely. */
function misheard(change: Change): string[] {
  const random = repeatable();
  return spoken.flatMap(({ text, pcm }) => {
    const heard = recogniser.recognise(change(pcm, random), 8000);
    return heard.text === text && heard.confidence >= 0.5
      ? []
      : [`${text} -> ${heard.text} ${heard.confidence}`];
  });
}

/** Phrases that are heard as any phrase although they are damaged. */
function understood(change: Change, seed?: number): string[] {
  const random = repeatable(seed);
  return spoken.flatMap(({ text, pcm }) => {
    const heard = recogniser.recognise(change(pcm, random), 8000);
    return heard.text === UNKNOWN_TEXT && heard.confidence < UNKNOWN_BELOW
      ? []
      : [`${text} -> ${heard.text} ${heard.confidence}`];
  });
}

describe('every phrase is recognised, none for another', () => {
  test.each<[string, Change]>([
    ['as it is', (pcm) => pcm],
    ['mu-law', (pcm) => decodeG711('PCMU', encodeG711('PCMU', pcm))],
    ['A-law', (pcm) => decodeG711('PCMA', encodeG711('PCMA', pcm))],
    [
      'mu-law at 16 kHz and back',
      (pcm) =>
        resample(resample(decodeG711('PCMU', encodeG711('PCMU', pcm)), 8000, 16_000), 16_000, 8000),
    ],
    [
      'between packets, at 48 kHz and back',
      (pcm) => resample(resample(pcm.subarray(57), 8000, 48_000), 48_000, 8000),
    ],
    ['half a frame later', (pcm) => pcm.subarray(40)],
    ['12 dB quieter', (pcm) => decodeG711('PCMU', encodeG711('PCMU', gain(pcm, -12)))],
    ['24 dB quieter', (pcm) => gain(pcm, -24)],
    ['clipped 6 dB', (pcm) => gain(pcm, 6)],
    ['silence around it', (pcm) => join16(new Int16Array(3000), pcm, new Int16Array(5000))],
    ['30 dB of noise below', (pcm, random) => noise(pcm, 30, random)],
    ['3 % of packets concealed', (pcm, random) => conceal(pcm, 0.03, random)],
    ['2 % of packets silent', (pcm, random) => drop(pcm, 0.02, random)],
    ['2 % faster', (pcm) => resample(pcm, 8000, 7840)],
    ['2 % slower', (pcm) => resample(pcm, 8000, 8160)],
  ])('%s', (_name, change) => {
    expect(misheard(change)).toEqual([]);
  });
});

describe('a stall of the line within a phrase costs no word', () => {
  const PLACES = [0.2, 0.35, 0.5, 0.65, 0.8];

  test.each([200, 300])('%i ms of silence', (ms) => {
    for (const place of PLACES) {
      expect(misheard((pcm) => stall(pcm, place, ms, false))).toEqual([]);
    }
  });

  test.each([200, 300])('%i ms, concealed at first', (ms) => {
    for (const place of PLACES) expect(misheard((pcm) => stall(pcm, place, ms, true))).toEqual([]);
  });

  test('two of them, but in a single word', () => {
    const twice = misheard((pcm) => stall(stall(pcm, 0.7, 200, true), 0.3, 250, true));
    expect(twice.filter((line) => /^\S+ \S+ .*->/.test(line))).toEqual([]);
  });
});

describe('damaged speech is unknown', () => {
  test.each<[string, Change]>([
    ['half of the packets silent', (pcm) => dropEverySecond(pcm)],
    ['half of the packets missing', (pcm) => cutEverySecond(pcm)],
    ['noise as loud as the speech', (pcm, random) => noise(pcm, 0, random)],
    ['noise 5 dB below the speech', (pcm, random) => noise(pcm, 5, random)],
    ['reversed', (pcm) => pcm.toReversed()],
    ['only the first half', (pcm) => pcm.subarray(0, pcm.length / 2)],
    ['twice as fast', (pcm) => resample(pcm, 8000, 4000)],
  ])('%s', (_name, change) => {
    expect(understood(change)).toEqual([]);
  });

  test('half of the packets silent at random, but for one in twenty', () => {
    const TIMES = 20;
    const lucky = Array.from({ length: TIMES }, (_, time) =>
      understood((pcm, random) => drop(pcm, 0.5, random), 12_345 + time),
    );
    expect(lucky.flat().length).toBeLessThanOrEqual((spoken.length * TIMES) / 20);
  });

  test.each([
    'The weather is nice today.',
    'I lost my umbrella on the train.',
    'For nine people.',
    'My name is Alexander.',
    'Can I order a pizza?',
    'Где ближайшая аптека?',
  ])('other words: %s', async (text) => {
    const pcm = await voice.speak(text, { speaker: 'caller', sampleRate: 8000 });
    expect(recogniser.recognise(pcm, 8000)).toMatchObject({ text: UNKNOWN_TEXT });
  });

  test('silence has no text', () => {
    expect(recogniser.recognise(new Int16Array(8000), 8000)).toEqual({ text: '', confidence: 0 });
  });
});

test('a recording of the agent is read sentence by sentence', async () => {
  const sentences = deskLines().flatMap(splitSentences);
  const agent = await loadPhraseBook(
    voice,
    [...new Set(sentences)].map((text) => ({ text })),
    'agent',
  );
  const reply = 'Sorry, I did not catch that. For how many people?';
  const said = await voice.speak(reply, { speaker: 'agent', sampleRate: 24_000 });
  const pcm = join16(new Int16Array(24_000), said, new Int16Array(24_000));
  const heard = transcribeRecording(agent, pcm, 24_000);
  expect(heard.map(({ text }) => text)).toEqual(splitSentences(reply));
  expect(heard[0]?.startMs).toBeGreaterThan(850);
  expect(heard[0]?.startMs).toBeLessThan(1050);
  const damaged = transcribeRecording(agent, dropEverySecond(pcm, PACKET * 3), 24_000);
  expect(damaged.filter(({ text }) => text !== UNKNOWN_TEXT)).toEqual([]);
});

function gain(pcm: Int16Array, decibels: number): Int16Array {
  const factor = 10 ** (decibels / 20);
  return pcm.map((sample) => clip(sample * factor));
}

function noise(pcm: Int16Array, snr: number, random: () => number): Int16Array {
  const power = pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
  // Uniform noise from -1 to 1 has a third of that power.
  const amplitude = Math.sqrt(power * 3) * 10 ** (-snr / 20);
  return pcm.map((sample) => clip(sample + amplitude * (random() * 2 - 1)));
}

function drop(pcm: Int16Array, share: number, random: () => number): Int16Array {
  const damaged = pcm.slice();
  for (let start = 0; start < pcm.length; start += PACKET) {
    if (random() < share) damaged.fill(0, start, start + PACKET);
  }
  return damaged;
}

function dropEverySecond(pcm: Int16Array, packet = PACKET): Int16Array {
  const damaged = pcm.slice();
  for (let start = 0; start < pcm.length; start += packet * 2) {
    damaged.fill(0, start, start + packet);
  }
  return damaged;
}

function cutEverySecond(pcm: Int16Array): Int16Array {
  return pcm.filter((_, index) => index % (PACKET * 2) < PACKET);
}

/** A lost packet is replaced by the one before it, as simple concealment does. */
function conceal(pcm: Int16Array, share: number, random: () => number): Int16Array {
  const damaged = pcm.slice();
  for (let start = PACKET; start + PACKET <= pcm.length; start += PACKET) {
    if (random() < share) damaged.copyWithin(start, start - PACKET, start);
  }
  return damaged;
}

/** From `place` (0 to 1) on everything comes later by `ms`; meanwhile silence, or what conceals. */
function stall(pcm: Int16Array, place: number, ms: number, concealed: boolean): Int16Array {
  const at = Math.floor((pcm.length * place) / PACKET) * PACKET;
  const pause = new Int16Array(ms * 8);
  // As G.711 appendix I: what was last heard is repeated and fades within 60 ms.
  const fade = concealed ? 3 * PACKET : 0;
  for (let i = 0; i < fade; i++) {
    const last = pcm[at - PACKET + (i % PACKET)] as number;
    pause[i] = Math.round(last * (1 - i / fade));
  }
  return join16(pcm.subarray(0, at), pause, pcm.subarray(at));
}

function join16(...parts: Int16Array[]): Int16Array {
  return Int16Array.from(parts.flatMap((part) => [...part]));
}

function clip(sample: number): number {
  return Math.max(-32768, Math.min(32767, Math.round(sample)));
}

/** Numerical Recipes' linear congruential generator: the same damage in every run. */
function repeatable(seed = 12_345): () => number {
  return () => {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}
