import { readFileSync } from 'node:fs';
// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import wavefile from 'wavefile';
import { expect, test } from 'vitest';
import { CallerVoice } from './caller-voice.ts';

const RATE = 16_000;
const FRAME = RATE / 50;

/** How long a voice was heard in it, seconds. */
async function voiceIn(pcm: Int16Array): Promise<number> {
  const ear = new CallerVoice();
  let ms = 0;
  ear.on('voice', (heard) => (ms += heard));
  for (let at = 0; at < pcm.length; at += FRAME) {
    ear.hear({ data: pcm.subarray(at, at + FRAME) });
    await ear.judged;
  }
  return ms / 1000;
}

function recording(): Int16Array {
  const file = new URL('../../ingress/sip/call/prompts/apology-en.wav', import.meta.url);
  // oxlint-disable-next-line import/no-named-as-default-member -- as above
  const wav = new wavefile.WaveFile(readFileSync(file));
  wav.toBitDepth('16');
  wav.toSampleRate(RATE);
  return wav.getSamples(false, Int16Array) as unknown as Int16Array;
}

test('speech is a voice; silence, tones and noise are none', async () => {
  const speech = recording();
  const seconds = speech.length / RATE;
  expect(await voiceIn(speech)).toBeGreaterThan(seconds / 2);
  expect(await voiceIn(new Int16Array(2 * RATE))).toBe(0);
  const tone = Int16Array.from({ length: 2 * RATE }, (_, n) => 8_000 * Math.sin(n / 6));
  expect(await voiceIn(tone)).toBeLessThan(0.3);
  const noise = Int16Array.from({ length: 2 * RATE }, (_, n) => ((n * 7919) % 1000) - 500);
  expect(await voiceIn(noise)).toBeLessThan(0.3);
});
