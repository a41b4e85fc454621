import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { tts } from '@livekit/agents';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { AgentProfile } from '../../config/config.ts';
// oxlint-disable-next-line import/default -- CommonJS, and its types say otherwise
import wavefile from 'wavefile';
import { fullDisk } from '../../test/harness/full-disk.ts';
import { SpokenTexts } from './spoken-texts.ts';

const PROFILE = { tts: { model: 'aura' } } as unknown as AgentProfile;
const SPOKEN = Int16Array.from([1000, -2000, 3000]);

/** A voice that says the same whatever the text, and how often it was asked. */
function open(folder: string, spoken = SPOKEN) {
  const asked = { times: 0 };
  const voice = {
    capabilities: { streaming: false },
    async *synthesize() {
      asked.times += 1;
      yield { frame: { data: spoken } };
    },
    close: async () => undefined,
  } as unknown as tts.TTS;
  return { asked, texts: new SpokenTexts(folder, () => voice, pino({ level: 'silent' })) };
}

test('a text is synthesised once for all processes of a machine', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'texts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const first = open(folder);
  expect(await first.texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
  const second = open(folder);
  expect(await second.texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
  expect([first.asked.times, second.asked.times]).toEqual([1, 0]);
});

test('a caller is greeted although the disk keeps nothing', async () => {
  const disk = fullDisk();
  const { texts, asked } = open(join(disk.dir, 'spoken-texts'));
  expect(await texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
  expect(await texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
  expect(asked.times).toBe(1);
  disk.free();
  await texts.samples(PROFILE, 'Goodbye');
  const [file = ''] = readdirSync(join(disk.dir, 'spoken-texts'));
  expect(readFileSync(join(disk.dir, 'spoken-texts', file))).toHaveLength(2 * SPOKEN.length);
  const nowhere = open('/proc/x/spoken-texts');
  expect(await nowhere.texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
});

test.each([0, 3])('a file of which a power cut left %d bytes is made anew', async (bytes) => {
  const folder = mkdtempSync(join(tmpdir(), 'texts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  await open(folder).texts.samples(PROFILE, 'Hello');
  const [file = ''] = readdirSync(folder);
  truncateSync(join(folder, file), bytes);
  expect(await open(folder).texts.samples(PROFILE, 'Hello')).toEqual(SPOKEN);
});

test('what cannot be heard is no text, and no greeting', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'texts-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { texts } = open(folder, new Int16Array(24_000));
  await expect(texts.samples(PROFILE, 'Hello')).rejects.toThrow('no sound');
  expect(readdirSync(folder)).toEqual([]);
  const silence = join(folder, 'greeting.wav');
  // oxlint-disable-next-line import/no-named-as-default-member -- as above
  const wav = new wavefile.WaveFile();
  wav.fromScratch(1, 8_000, '16', new Int16Array(8_000));
  writeFileSync(silence, wav.toBuffer());
  await expect(texts.recording(silence)).rejects.toThrow('nothing can be heard');
});
