import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeWav } from '../rehearsal/audio/wav.ts';
import { TESTS_DATA_DIR } from '../rehearsal/voice/fixtures/tests-data-dir.ts';
import { Voice } from '../rehearsal/voice/voice.ts';
import { useBrowser } from './harness/browser.ts';
import { signIn } from './harness/desk-page.ts';
import { useTestStack } from './harness/use-test-stack.ts';

const RATE = 48_000;
const WORDS = "I'd like to book a table.";
/** The browser plays it from the moment that the microphone is opened, again and again, s. */
const BEFORE = 6;
const AFTER = 30;

const folder = mkdtempSync(join(tmpdir(), 'trunkline-microphone-'));
const recording = join(folder, 'caller.wav');
beforeAll(async () => {
  const voice = new Voice(TESTS_DATA_DIR);
  const words = await voice.speak(WORDS, { speaker: 'caller', sampleRate: RATE });
  await voice.close();
  const pcm = new Int16Array(BEFORE * RATE + words.length + AFTER * RATE);
  pcm.set(words, BEFORE * RATE);
  writeFileSync(recording, encodeWav({ pcm, sampleRate: RATE, channels: 1 }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stackOf = useTestStack();
const browser = useBrowser({ microphone: recording });

test('who speaks into the microphone is heard and answered', async () => {
  const page = await signIn(browser, stackOf());
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await page.locator('.captions .agent', { hasText: 'How can I help you?' }).waitFor();
  await page.locator('.captions .caller', { hasText: WORDS }).waitFor();
  const answer = page.locator('.captions .agent', { hasText: 'For how many people?' });
  await answer.waitFor();
  // From the end of the words to the first sound of the reply.
  expect(await answer.locator('.number').innerText()).toMatch(/^\d+(?:\.\d+)? m?s$/);
  await page.getByRole('button', { name: 'Mute' }).click();
  await page.getByRole('button', { name: 'Unmute' }).waitFor();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('The call is over.').waitFor();
});
