import { describe, expect, test } from 'vitest';
import { createSpeechMeter, isSpeech } from './speech-meter.ts';

const tone = (amplitude: number): Int16Array =>
  Int16Array.from({ length: 160 }, (_, i) => Math.round(amplitude * Math.sin(i / 2)));

test('tells speech from a quiet line', () => {
  expect(isSpeech(tone(3_000))).toBe(true);
  expect(isSpeech(tone(60))).toBe(false);
  expect(isSpeech(new Int16Array(160))).toBe(false);
  expect(isSpeech(new Int16Array(0))).toBe(false);
});

function listen() {
  const heard: string[] = [];
  const meter = createSpeechMeter({
    gapMs: 600,
    onStart: (at) => heard.push(`start ${at}`),
    onEnd: (from, to) => heard.push(`end ${from}-${to}`),
  });
  return { meter, heard };
}

describe('utterances', () => {
  test('begin with their first packet and end with their last', () => {
    const { meter, heard } = listen();
    for (let at = 1_000; at <= 2_000; at += 20) meter.heard(true, 20, at);
    meter.tick(2_599);
    expect(heard).toEqual(['start 1000']);
    meter.tick(2_600);
    expect(heard).toEqual(['start 1000', 'end 1000-2000']);
  });

  test('survive a pause shorter than the gap', () => {
    const { meter, heard } = listen();
    for (const at of [0, 20, 40, 500, 520]) meter.heard(true, 20, at);
    expect(heard).toEqual(['start 0']);
    expect(meter.speaking).toBe(true);
  });

  test('are no single click', () => {
    const { meter, heard } = listen();
    meter.heard(true, 20, 0);
    meter.heard(false, 20, 20);
    meter.heard(true, 20, 40);
    meter.heard(false, 20, 60);
    expect(heard).toEqual([]);
  });
});
