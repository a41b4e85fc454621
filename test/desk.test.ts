import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from 'vitest';
import { createClient } from '../client/index.ts';
import { useBrowser } from './harness/browser.ts';
import { signIn } from './harness/desk-page.ts';
import { finalRecord } from './harness/call-records.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

/** HTMLAudioElement, as far as it is asked. */
interface Ear {
  readonly paused: boolean;
  readonly currentTime: number;
}

const stackOf = useTestStack();
const voiceOf = useVoice(stackOf);
const browser = useBrowser();

const api = () => createClient({ url: stackOf().apiUrl, apiKey: stackOf().apiKey });

const signedIn = (options?: Parameters<typeof browser.newPage>[0]) =>
  signIn(browser, stackOf(), options);

test('the link signs in, and only once', async () => {
  const { url } = await api().session.link();
  const page = await browser.newPage();
  await page.goto(url);
  await page.getByRole('heading', { name: 'Live' }).waitFor();
  expect(page.url()).not.toContain('sign-in');
  await page.getByText('No call goes on').waitFor();

  const second = await browser.newPage();
  await second.goto(url);
  await second.getByText('This link was used before').waitFor();
  expect(await second.getByRole('heading', { name: 'Live' }).count()).toBe(0);
});

test('an API key signs in, a wrong one does not', async () => {
  const page = await browser.newPage();
  await page.goto(`${stackOf().apiUrl}/desk/`);
  await page.getByLabel('Or sign in with an API key').fill('a-key-that-nobody-has');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This is no valid API key.').waitFor();
  await page.getByLabel('Or sign in with an API key').fill(stackOf().apiKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Live' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Or sign in with an API key').waitFor();
  // The link in a tab that is open changes nothing but the fragment.
  await page.goto((await api().session.link()).url);
  await page.getByRole('heading', { name: 'Live' }).waitFor();
});

test('a table is booked by the buttons, without a key and without a microphone', async () => {
  const page = await signedIn();
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByRole('button', { name: 'Call without microphone' }).click();
  const booking = [
    ["I'd like to book a table.", 'For how many people?'],
    ['For four people.', 'For which day and time?'],
    ['Tomorrow at seven.', 'What name is the booking for?'],
    ['My name is Anna.', 'Is that right?'],
    ["Yes, that's right.", 'Is there anything else?'],
    ['No, thank you.', 'Goodbye.'],
  ] as const;
  await page.locator('.captions .agent', { hasText: 'How can I help you?' }).waitFor();
  for (const [sentence, answer] of booking) {
    await page.getByRole('button', { name: sentence }).click();
    await page.locator('.captions .caller', { hasText: sentence }).waitFor();
    await page.locator('.captions .agent', { hasText: answer }).waitFor();
  }
  await page.getByText('The call is over.').waitFor();

  await page.getByRole('link', { name: 'Why it went as it went' }).click();
  const id = /call_\w+/.exec(page.url())?.[0] ?? '';
  const call = await waitFor(async () => {
    const found = await api().calls.get(id);
    return found.sealedAt === undefined ? undefined : found;
  });
  expect(call).toMatchObject({
    ingress: 'browser',
    direction: 'inbound',
    state: 'ended',
    endedBy: 'agent',
    endReason: 'agent_hangup',
    line: 'reservations',
  });
  expect(call.missing).toBeUndefined();
  const said = call.turns.filter(({ who }) => who === 'caller').map(({ text }) => text);
  expect(said).toEqual(booking.map(([sentence]) => sentence));
});

test('a call that no trunk is there for says what is missing', async () => {
  const page = await signedIn();
  await page.getByRole('button', { name: 'Call somebody' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Number').fill('+1 (202) 555-0177');
  await dialog.getByRole('button', { name: 'Call', exact: true }).click();
  await dialog.getByText(/set TRUNKLINE_OUTBOUND_TRUNK/).waitFor();
});

test('without a microphone that may be used, the call goes on by the buttons', async () => {
  const page = await signedIn();
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByRole('button', { name: 'Call', exact: true }).click();
  await page.getByText(/^(?:The microphone|This computer has no microphone)/).waitFor();
  await page.locator('.captions .agent', { hasText: 'How can I help you?' }).waitFor();
  await page.getByRole('button', { name: 'Where are you located?' }).click();
  await page.locator('.captions .agent', { hasText: 'Harbour Street' }).waitFor();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('The call is over.').waitFor();
});

test('who hangs up in the browser is the caller who hung up', async () => {
  const page = await signedIn();
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByLabel('Line').selectOption('anything');
  await page.getByRole('button', { name: 'Call without microphone' }).click();
  await page.locator('.captions .agent').first().waitFor();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('The call is over.').waitFor();
  const call = await waitFor(async () => {
    const { data } = await api().calls.list({ line: 'anything' });
    return data[0]?.sealedAt === undefined ? undefined : data[0];
  });
  expect(call).toMatchObject({
    ingress: 'browser',
    endedBy: 'caller',
    endReason: 'caller_hangup',
  });
});

test('a SIP call is seen as it is spoken, listened to unseen, and hung up on', async () => {
  const page = await signedIn();
  const from = '+12025550407';
  const call = startCall(stackOf(), voiceOf(), {
    from,
    to: `sip:+12025550100@${stackOf().sip}`,
    say: ["I'd like to book a table.", 'For four people.'],
    hangUpAfterMs: 60_000,
  });
  const row = page.locator('.live li', { hasText: from });
  await row.getByText('talking').waitFor();
  // Words of a sentence that has not ended yet.
  await row.getByText(/^Hello, this is\b.* …$/).waitFor();
  await row.getByRole('link').click();
  await page.locator('.transcript .caller', { hasText: "I'd like to book a table." }).waitFor();

  await page.getByRole('button', { name: 'Listen in' }).click();
  await page.getByRole('button', { name: 'Stop listening' }).waitFor();
  const heard = () =>
    page
      .locator('audio')
      .evaluateAll((ears: readonly Ear[]) => ears.map((ear) => !ear.paused && ear.currentTime > 1));
  await waitFor(async () => (await heard()).join() === 'true,true');
  await page.locator('.transcript .agent', { hasText: 'For which day and time?' }).waitFor();
  await page.getByRole('button', { name: 'Stop listening' }).click();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Hang up' }).click();
  await page.getByText(/^An operator hung up/).waitFor();
  await call.result;

  const record = await finalRecord(stackOf(), from);
  expect(record).toMatchObject({ endedBy: 'operator', endReason: 'operator_hangup' });
  const { timeline } = await api().calls.get(record.id);
  const listener = timeline.find(({ type }) => type === 'listener.admitted')?.data;
  expect(listener).toMatchObject({ by: expect.stringMatching(/^env_/) });
  const presence = timeline.filter(({ data }) => data['identity'] === listener?.['identity']);
  expect(presence.map(({ type }) => type)).toEqual([
    'listener.admitted',
    'participant.joined',
    'participant.left',
  ]);
});

/** Of what a browser is sent to show the first page, bytes as they are sent. */
const FIRST_LOAD_LIMIT = 120_000;

test('the first page is small, loads nothing from elsewhere, and keeps to its policy', async () => {
  const { url } = await api().session.link();
  const page = await browser.newPage();
  const sizes: Promise<number>[] = [];
  const hosts = new Set<string>();
  page.on('requestfinished', (request) => {
    hosts.add(new URL(request.url()).host);
    sizes.push(request.sizes().then(({ responseBodySize }) => responseBodySize));
  });
  await page.goto(url);
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByRole('heading', { name: 'Live' }).waitFor();
  const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(10_000);
  expect(total).toBeLessThan(FIRST_LOAD_LIMIT);
  expect([...hosts]).toEqual([new URL(stackOf().apiUrl).host]);
  expect(browser.complaints()).toEqual([]);
});

test.each(['light', 'dark'] as const)('axe finds nothing, %s', async (colorScheme) => {
  const page = await signedIn({ colorScheme });
  for (const name of ['Live', 'Calls', 'Talk']) {
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1 }).waitFor();
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.map(({ id, nodes }) => `${name}: ${id} ${nodes[0]?.html}`)).toEqual([]);
  }
});
