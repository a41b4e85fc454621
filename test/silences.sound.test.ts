import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { phrasesFor } from '../agent/speech/phrases.ts';
import { said } from './harness/call-records.ts';
import type { CallDetail } from './harness/call-records.ts';
import { recordedCall } from './harness/recorded-call.ts';
import { rehearse } from './harness/rehearse.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

/** Providers that say that all is well, and a caller who hears nothing of it. */
const stackOf = useTestStack({
  env: { TRUNKLINE_CONFIG: fileURLToPath(new URL('fixtures/impatient.yaml', import.meta.url)) },
});

const GREETING = 'Good evening.';
const PHRASES = phrasesFor('en');
const { repeat: REPEAT, trouble: TROUBLE, goodbye: GOODBYE } = PHRASES;
const BOOK = "I'd like to book a table.";
const PARTY = 'For how many people?';
const FOUR = 'For four people.';
const WHEN = 'For which day and time?';
const HOURS = 'We are open from Tuesday to Sunday. The kitchen closes at half past nine.';
/** The caller stays until the agent hangs up. */
const STAY = { hangUpAfterMs: 100_000 };

const voiceOf = useVoice(stackOf);
beforeAll(async () => {
  const folder = join(stackOf().dataDir, 'spoken-texts');
  const texts = Object.values(PHRASES).length + 1;
  await waitFor(() => readdirSync(folder).filter((name) => name.endsWith('.pcm')).length >= texts, {
    timeout: 30_000,
    what: 'the fixed texts to be synthesised',
  });
});
afterEach(() =>
  change({
    stt: { failure: null },
    llm: { failure: null, says: null, tokensPerSecond: 100 },
    tts: { failure: null, speed: 40 },
  }),
);

const call = (options: Parameters<typeof recordedCall>[2]) =>
  recordedCall(stackOf(), voiceOf(), options);

const change = (patch: object) => rehearse(stackOf(), 'PUT', 'settings', patch);

/** The model says this, to whatever it is asked. */
const model = (text: string, ...tools: string[]) =>
  change({
    llm: { says: { text, calls: tools.map((name) => ({ name, arguments: '{}' })) } },
  });

function errorsOf({ timeline }: CallDetail): unknown[] {
  return timeline.filter(({ type }) => type === 'agent.error').map(({ data }) => data);
}

test('an STT that ends no utterance: the caller is answered', async () => {
  await change({ stt: { failure: { kind: 'endless' } } });
  const caller = call({ say: [BOOK, FOUR] });
  await caller.result;
  await caller.expectHeard(GREETING, PARTY, WHEN);
  const record = await caller.record();
  expect(said(record, 'caller')).toEqual([BOOK, FOUR]);
  expect(errorsOf(record)).toMatchObject([{ component: 'stt', recoverable: true }]);
});

test('an STT that understands no word: the caller is asked, told, and released', async () => {
  await change({ stt: { failure: { kind: 'wordless' } } });
  const caller = call({ say: [BOOK, BOOK, BOOK], ...STAY });
  expect(await caller.result).toMatchObject({ endedBy: 'agent' });
  await caller.expectHeard(GREETING, REPEAT, REPEAT, TROUBLE);
  const record = await caller.record();
  expect(record).toMatchObject({ endedBy: 'system', endReason: 'provider_failure' });
  expect(record.why?.cause).toBe('stt_deaf');
  const message = 'the caller spoke and no word was recognised';
  expect(errorsOf(record).at(-1)).toMatchObject({ component: 'session', message });
});

test('an STT that has gone deaf is connected anew: who repeats is understood', async () => {
  await change({ stt: { failure: { kind: 'wordless', times: 1 } } });
  const caller = call({ say: [BOOK, BOOK, FOUR] });
  await caller.result;
  await caller.expectHeard(GREETING, REPEAT, PARTY, WHEN);
  const record = await caller.record();
  expect(said(record, 'caller')).toEqual([BOOK, FOUR]);
  expect(errorsOf(record)).toContainEqual({
    component: 'stt',
    message: expect.stringContaining('connected anew'),
    recoverable: true,
  });
});

test.each([
  ['a reply that no voice can say', '🙂', []],
  ['a model that does nothing but call tools', '', ['look_up']],
])('%s: the caller is asked to repeat, and it was not said', async (_what, text, tools) => {
  await model(text, ...tools);
  const caller = call({ say: [BOOK, BOOK] });
  await caller.happened('reply', 2);
  await change({ llm: { says: null } });
  await caller.result;
  await caller.expectHeard(GREETING, REPEAT, PARTY);
  const record = await caller.record();
  expect(said(record, 'agent')).toEqual([GREETING, REPEAT, PARTY]);
  expect(errorsOf(record)).toMatchObject([{ message: 'the reply came to nothing' }]);
});

test('a model that stops in the middle of its reply: what was heard was said', async () => {
  await model(`${HOURS} ${HOURS}`);
  await change({ llm: { failure: { kind: 'stall', times: 1 } } });
  const caller = call({ say: [BOOK], hangUpAfterMs: 20_000 });
  await caller.result;
  const first = 'We are open from Tuesday to Sunday.';
  await caller.expectHeard(GREETING, first, REPEAT);
  const record = await caller.record();
  expect(said(record, 'agent')).toEqual([GREETING, first, REPEAT]);
  expect(errorsOf(record)).toMatchObject([{ message: 'the reply stopped in its middle' }]);
});

test('a voice that trickles: the caller is asked to repeat', async () => {
  const caller = call({ say: [BOOK], hangUpAfterMs: 24_000 });
  await caller.heard(1);
  await change({ tts: { speed: 0.15 } });
  await caller.result;
  const record = await caller.record();
  expect(said(record, 'agent')).toContain(REPEAT);
  const message = 'the reply was more silence than speech';
  expect(errorsOf(record)).toContainEqual(expect.objectContaining({ message }));
});

test('a model that hangs up without a word: there is a goodbye', async () => {
  await model('', 'end_call');
  const caller = call({ say: [BOOK], ...STAY });
  expect(await caller.result).toMatchObject({ endedBy: 'agent' });
  await caller.expectHeard(GREETING, GOODBYE);
  expect(await caller.record()).toMatchObject({ endedBy: 'agent', endReason: 'agent_hangup' });
});

test('a model that says goodbye and hangs up: there is one goodbye', async () => {
  await model('Thank you for calling. Goodbye.', 'end_call');
  const caller = call({ say: [BOOK], ...STAY });
  expect(await caller.result).toMatchObject({ endedBy: 'agent' });
  await caller.expectHeard(GREETING, GOODBYE);
});

test('a model that writes markup and data: its words are heard', async () => {
  await model(`<speak><think>Hm.</think>{"reply": "${PARTY}"}</speak>`);
  const caller = call({ say: [BOOK] });
  await caller.result;
  await caller.expectHeard(GREETING, PARTY);
  expect(said(await caller.record(), 'agent')).toEqual([GREETING, PARTY]);
});

test('a reply that the caller cuts short is on the record as far as it was heard', async () => {
  await model(HOURS.repeat(4));
  const caller = call({ say: [BOOK, BOOK], bargeInAfterMs: 1_500 });
  await caller.happened('interrupted');
  await change({ llm: { says: null } });
  await caller.result;
  const record = await caller.record();
  const [, cut, next] = record.turns.filter(({ who }) => who === 'agent');
  expect(cut?.interrupted).toBe(true);
  expect(HOURS.startsWith(cut?.text ?? '-')).toBe(true);
  expect(cut?.text.length).toBeLessThan(HOURS.length);
  expect(next?.text).toBe(PARTY);
});
