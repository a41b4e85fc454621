import { expect, test } from 'vitest';
import { Conduct } from './conduct.ts';
import { SettingsPatch } from './settings.ts';

test('a patch changes what it names and nothing else', () => {
  const conduct = new Conduct({ stt: { delayMs: 1 } });
  const before = conduct.settings;
  conduct.change({ llm: { tokensPerSecond: 7 } });
  expect(conduct.settings.llm.tokensPerSecond).toBe(7);
  expect(conduct.settings.llm.delayMs).toBe(before.llm.delayMs);
  expect(conduct.settings.stt).toEqual(before.stt);
  expect(conduct.settings.stt.delayMs).toBe(1);
});

test('a failure that is due for a number of requests ends by itself', () => {
  const conduct = new Conduct();
  const { tts } = SettingsPatch.parse({ tts: { failure: { kind: 'status', times: 2 } } });
  conduct.change({ tts });
  expect(conduct.takeFailure('llm', 'openai')).toBeUndefined();
  expect(conduct.takeFailure('tts', 'openai')).toMatchObject({ kind: 'status', status: 500 });
  expect(conduct.takeFailure('tts', 'deepgram')).toMatchObject({ times: 1 });
  expect(conduct.takeFailure('tts', 'deepgram')).toBeUndefined();
  expect(conduct.settings.tts.failure).toBeNull();
});

test('a failure of one provider spares the other and lasts without a number', () => {
  const conduct = new Conduct();
  const failure = { kind: 'refuse', provider: 'deepgram' };
  conduct.change(SettingsPatch.parse({ tts: { failure } }));
  expect(conduct.takeFailure('tts', 'openai')).toBeUndefined();
  expect(conduct.takeFailure('tts', 'deepgram')).toBeDefined();
  expect(conduct.takeFailure('tts', 'deepgram')).toBeDefined();
});
