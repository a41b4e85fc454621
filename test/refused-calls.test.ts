import type { Locator, Page } from 'playwright-core';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findStackPorts } from '../cli/stack-ports.ts';
import { useBrowser } from './harness/browser.ts';
import { callsFrom, finalRecord } from './harness/call-records.ts';
import { findCause, signIn } from './harness/desk-page.ts';
import { startCall } from './harness/simulated-caller.ts';
import { startLivekit } from './harness/start-livekit.ts';
import type { TestLivekit } from './harness/start-livekit.ts';
import { startTestStack } from './harness/start-test-stack.ts';
import type { TestStack } from './harness/start-test-stack.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

const TRUNK = { username: 'trunk', password: 'the-right-password' };
const ONE_LINE = fileURLToPath(new URL('fixtures/one-line.yaml', import.meta.url));

/** A trunk with a password, and no agent worker. */
const stackOf = useTestStack({
  only: ['livekit', 'api', 'ingress'],
  env: {
    TRUNKLINE_CONFIG: ONE_LINE,
    TRUNKLINE_SIP_USERNAME: TRUNK.username,
    TRUNKLINE_SIP_PASSWORD: TRUNK.password,
    TRUNKLINE_SIP_ANSWER_TIMEOUT_MS: '1000',
  },
});
const voiceOf = useVoice(stackOf);
const browser = useBrowser();

const call = (from: string, number: string, password = TRUNK.password) =>
  startCall(stackOf(), voiceOf(), {
    from,
    to: `sip:${number}@${stackOf().sip}`,
    credentials: { ...TRUNK, password },
    hangUpAfterMs: 30_000,
  }).result;

/** The endpoint tells of refusals once a second. */
const look = (page: Page, refusal: Locator) =>
  waitFor(async () => {
    if ((await refusal.count()) > 0) return true;
    await page.getByRole('button', { name: 'Look again' }).click();
    return false;
  });

test('a wrong password is found on the desk, and is no call', async () => {
  const from = '+12025550601';
  expect(await call(from, '+12025550100', 'guess')).toMatchObject({ code: 401 });
  const page = await signIn(browser, stackOf());
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await page.getByText('No calls yet').waitFor();
  await page.getByRole('link', { name: 'Refused before they were calls' }).click();
  const refusal = page.getByRole('listitem').filter({ hasText: 'wrong user name or password' });
  await look(page, refusal);
  await refusal.getByText('wrong_password').waitFor();
  await refusal.getByText(/auth_password/).waitFor();
  expect(await callsFrom(stackOf(), from)).toEqual([]);
});

test('a number that no line has is found on the desk', async () => {
  expect(await call('+12025550602', '+12025559999')).toMatchObject({ code: 404 });
  const page = await signIn(browser, stackOf());
  await page.getByRole('link', { name: 'Calls', exact: true }).click();
  await page.getByRole('link', { name: 'Refused before they were calls' }).click();
  const refusal = page.getByText('+12025559999 was dialled, which no line has');
  await look(page, refusal);
});

test('no worker', async () => {
  const from = '+12025550603';
  await call(from, '+12025550100');
  await finalRecord(stackOf(), from);
  expect(await findCause(await signIn(browser, stackOf()), from)).toMatchObject({
    cause: 'no_worker',
    sentence: expect.stringMatching(/^No agent came; the caller was released after \d+ s\.$/),
  });
});

test('who would talk from the browser is told that no agent comes, and that none is there', async () => {
  const page = await signIn(browser, stackOf());
  await page.getByText('No agent is registered with LiveKit').waitFor();
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByRole('button', { name: 'Call without microphone' }).click();
  await page.getByText('No agent has come yet.').waitFor();
  await page.getByRole('button', { name: 'Hang up' }).click();
  await page.getByText('The call is over.').waitFor();
});

test('who would talk while LiveKit is away is told so', async () => {
  await stackOf().processes.get('livekit')?.stop(0);
  const page = await signIn(browser, stackOf());
  await page.getByRole('link', { name: 'Talk', exact: true }).click();
  await page.getByRole('button', { name: 'Call without microphone' }).click();
  await page.getByText(/^The call could not begin: .* Is LiveKit running/).waitFor();
});

let livekit: TestLivekit;
let unheard: TestStack;
beforeAll(async () => {
  livekit = await startLivekit();
  const ports = { ...(await findStackPorts()), livekit: Number(new URL(livekit.httpUrl).port) };
  unheard = await startTestStack({
    env: {
      TRUNKLINE_CONFIG: ONE_LINE,
      LIVEKIT_API_KEY: livekit.apiKey,
      LIVEKIT_API_SECRET: livekit.apiSecret,
    },
    ports,
    only: ['rehearsal', 'api', 'agent', 'ingress'],
  });
});
afterAll(async () => {
  await unheard.stop();
  await livekit.stop();
});

test('none of the webhooks comes', async () => {
  const from = '+12025550604';
  const to = `sip:+12025550100@${unheard.sip}`;
  await startCall(unheard, voiceOf(), { from, to, say: ['Hello.'] }).result;
  await finalRecord(unheard, from);
  expect(await findCause(await signIn(browser, unheard), from)).toMatchObject({
    cause: 'webhooks_lost',
  });
});
