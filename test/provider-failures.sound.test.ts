import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { phrasesFor } from '../agent/speech/phrases.ts';
import type { Failure, Service } from '../rehearsal/settings.ts';
import { said } from './harness/call-records.ts';
import type { CallDetail } from './harness/call-records.ts';
import { recordedCall } from './harness/recorded-call.ts';
import { rehearse } from './harness/rehearse.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

const stackOf = useTestStack({
  env: { TRUNKLINE_CONFIG: fileURLToPath(new URL('fixtures/impatient.yaml', import.meta.url)) },
});

const GREETING = 'Good evening.';
const PHRASES = phrasesFor('en');
const { repeat: REPEAT, trouble: TROUBLE } = PHRASES;
const HELLO = 'Hello.';
const BOOK = "I'd like to book a table.";
const PARTY = 'For how many people?';
const FOUR = 'For four people.';
const WHEN = 'For which day and time?';
/** The caller stays until the agent hangs up. */
const STAY = { hangUpAfterMs: 100_000 };

const voiceOf = useVoice(stackOf);
beforeAll(async () => {
  // Synthesised while the worker starts, and there from then on, whatever fails.
  const folder = join(stackOf().dataDir, 'spoken-texts');
  const texts = Object.values(PHRASES).length + 1;
  await waitFor(() => readdirSync(folder).filter((name) => name.endsWith('.pcm')).length >= texts, {
    timeout: 30_000,
    what: 'the fixed texts to be synthesised',
  });
});
afterEach(() => change({ stt: null, llm: null, tts: null }));

const call = (options: Parameters<typeof recordedCall>[2]) =>
  recordedCall(stackOf(), voiceOf(), options);

async function change(failures: Partial<Record<Service, Partial<Failure> | null>>) {
  const settings = Object.entries(failures).map(([service, failure]) => [service, { failure }]);
  await rehearse(stackOf(), 'PUT', 'settings', Object.fromEntries(settings));
}

/** Every connection to the service is dropped. */
async function disconnect(service: Service): Promise<void> {
  await rehearse(stackOf(), 'POST', 'disconnect', { service });
}

function errorsOf({ timeline }: CallDetail): unknown[] {
  return timeline.filter(({ type }) => type === 'agent.error').map(({ data }) => data);
}

test('the LLM fails for one reply: the caller is asked to say it again', async () => {
  // A reply is tried twice.
  await change({ llm: { kind: 'status', status: 500, times: 2 } });
  const caller = call({ say: [BOOK, BOOK] });
  await caller.result;
  await caller.expectHeard(GREETING, REPEAT, PARTY);
  const record = await caller.record();
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
  expect(said(record, 'agent')).toEqual([GREETING, REPEAT, PARTY]);
  expect(errorsOf(record).slice(-2)).toMatchObject([
    { component: 'llm', recoverable: false },
    { component: 'session', message: 'the reply came to nothing', recoverable: true },
  ]);
});

test('the LLM does not answer: the same, and no later', async () => {
  await change({ llm: { kind: 'hang' } });
  const caller = call({ say: [BOOK, BOOK] });
  await caller.happened('reply', 2);
  await change({ llm: null });
  await caller.result;
  await caller.expectHeard(GREETING, REPEAT, PARTY);
  expect(await caller.record()).toMatchObject({ endReason: 'caller_hangup' });
});

test('the LLM fails for good: the caller is told, and released', async () => {
  await change({ llm: { kind: 'status', status: 500 } });
  await expectToBeReleased(call({ say: [HELLO, HELLO, HELLO], ...STAY }), 'llm');
});

test('the TTS fails for good: fixed texts are heard, and the caller is released', async () => {
  const caller = call({ say: [HELLO, HELLO, HELLO], ...STAY });
  await caller.heard(1);
  await change({ tts: { kind: 'refuse' } });
  await disconnect('tts');
  await expectToBeReleased(caller, 'tts');
});

async function expectToBeReleased(caller: ReturnType<typeof call>, component: string) {
  expect(await caller.result).toMatchObject({ endedBy: 'agent' });
  await caller.expectHeard(GREETING, REPEAT, REPEAT, TROUBLE);
  const record = await caller.record();
  expect(record).toMatchObject({ endedBy: 'system', endReason: 'provider_failure' });
  expect(record.why).toMatchObject({ cause: `${component}_failed`, layer: component });
  const error = expect.objectContaining({ component, recoverable: false });
  expect(errorsOf(record)).toContainEqual(error);
}

test('the STT is cut off in mid-phrase: it is back, and nothing is lost', async () => {
  const caller = call({ say: [BOOK, FOUR] });
  await caller.happened('saying');
  await disconnect('stt');
  const { turns } = await caller.result;
  expect(turns.map(({ missed }) => missed)).toEqual([false, false]);
  const record = await caller.record();
  expect(said(record, 'caller')).toEqual([BOOK, FOUR]);
  expect(said(record, 'agent')).toEqual([GREETING, PARTY, WHEN]);
  expect(errorsOf(record)).toEqual([]);
});

test('the STT refuses: the caller is told, and released', async () => {
  await change({ stt: { kind: 'status', status: 401 } });
  const caller = call(STAY);
  expect(await caller.result).toMatchObject({ endedBy: 'agent' });
  // Before or in the midst of its greeting.
  expect(await caller.endsWith(TROUBLE)).toBe(true);
  const record = await caller.record();
  expect(record).toMatchObject({ endedBy: 'system', endReason: 'provider_failure' });
  expect(record.why).toMatchObject({
    cause: 'stt_refused',
    sentence: expect.stringContaining('(401)'),
  });
  expect(errorsOf(record)).toMatchObject([{ component: 'stt', recoverable: false }]);
});
