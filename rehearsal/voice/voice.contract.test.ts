import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sayToFile } from '../say.ts';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import { Voice } from './voice.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trunkline-voice-'));
});

afterEach(() => rm(folder, { recursive: true }));

async function say(text: string, speaker: 'caller' | 'agent' = 'caller'): Promise<Int16Array> {
  const voice = new Voice(folder);
  try {
    return await voice.speak(text, { speaker, sampleRate: 8000 });
  } finally {
    await voice.close();
  }
}

function digest(pcm: Int16Array): string {
  return createHash('sha256').update(pcm).digest('hex').slice(0, 16);
}

test('the same words sound the same, from the cache too; another speaker does not', async () => {
  const first = await say('Hello.');
  expect(first.length).toBeGreaterThan(2000);
  expect(await readdir(join(folder, 'rehearsal-voice'))).toHaveLength(1);
  expect(await say('Hello.')).toEqual(first);
  expect(await say('Hello.', 'agent')).not.toEqual(first);
});

test('a sentence sounds the same whatever was said before it', async () => {
  const alone = await say('Half of the packets.');
  const voice = new Voice(join(folder, 'other'));
  const speak = (text: string) => voice.speak(text, { speaker: 'caller', sampleRate: 8000 });
  try {
    for (const text of ['Yes, please.', 'Столик на двоих.', `${'and so on '.repeat(40)}.`]) {
      await speak(text);
    }
    expect(await speak('Half of the packets.')).toEqual(alone);
    await expect(speak('ы'.repeat(5000))).rejects.toThrow('longer than 8192 bytes');
  } finally {
    await voice.close();
  }
});

// When this changes, CACHE_VERSION in voice.ts must change, too: old renderings are kept otherwise.
test('a sentence sounds the same on every machine', async () => {
  expect(digest(await say('I would like to book a table.'))).toBe('fb9e3cc8eafe0073');
  expect(digest(await say('Столик на двоих.', 'agent'))).toBe('c3587eeb80c2a6c2');
});

test('a broken cache is made anew', async () => {
  const first = await say('Hello.');
  const cache = join(folder, 'rehearsal-voice');
  for (const file of await readdir(cache)) await writeFile(join(cache, file), 'RIFF');
  expect(await say('Hello.')).toEqual(first);
});

test('nothing to say is silence', async () => {
  expect(await say(' … ')).toHaveLength(0);
});

test('a folder that cannot be written costs only time', async () => {
  const voice = new Voice(join(folder, 'file'));
  await writeFile(join(folder, 'file'), '');
  const pcm = await voice.speak('Hello.', { speaker: 'caller', sampleRate: 8000 });
  await voice.close();
  expect(pcm.length).toBeGreaterThan(2000);
});

test('say writes a WAV file for telephone tests', async () => {
  const out = join(folder, 'x.wav');
  const args = ['--text', 'Hello.', '--out', out, '--pad-ms', '100', '--data-dir', folder];
  await sayToFile(args);
  const file = decodeWav(await readFile(out));
  expect(file).toMatchObject({ sampleRate: 8000, channels: 1 });
  expect(file.pcm.length).toBe((await say('Hello.')).length + 1600);
  await expect(sayToFile(['--text', 'Hello.'])).rejects.toThrow('usage');
});
