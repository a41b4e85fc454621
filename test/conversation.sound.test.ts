import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { finalRecord, said, turnsOf } from './harness/call-records.ts';
import type { CallDetail } from './harness/call-records.ts';
import { callWithBaresip } from './harness/call-with-baresip.ts';
import { callWithSipp } from './harness/call-with-sipp.ts';
import { hearAgent, recordCaller } from './harness/caller-speech.ts';
import { expectUnderstood } from './harness/expect-understood.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';

const stackOf = useTestStack();

/** Two turns; the agent's replies last about two seconds. */
const CUES = [
  { at: 6, say: "I'd like to book a table." },
  { at: 13, say: 'For four people.' },
];
const SECONDS = 22;
/** What the agent has said is still on its way to the caller, ms. */
const LAST_WORDS_MS = 1_000;

const voiceOf = useVoice(stackOf);
let speech: Int16Array;
beforeAll(async () => {
  speech = await recordCaller(voiceOf(), CUES, SECONDS);
});

test('baresip holds a conversation of two turns and hears the words of the agent', async () => {
  const from = '+12025550101';
  const heard = await callWithBaresip({
    to: `sip:+12025550199@${stackOf().sip}`,
    from,
    speech,
    until: async () => {
      await turnsOf(stackOf(), from, { caller: 2, agent: 3 });
      await delay(LAST_WORDS_MS);
    },
  });
  const call = await finalRecord(stackOf(), from);
  expectConversation(call, { from, to: '+12025550199', line: 'anything' });
  const agent = said(call, 'agent');
  expectUnderstood(await hearAgent(voiceOf(), heard, agent), agent);
});

test('sipp holds a conversation of two turns and hears the words of the agent', async () => {
  const from = '+12025550102';
  const heard = await callWithSipp({
    endpoint: stackOf().sip,
    to: '+12025550198',
    from: `<sip:${from}@127.0.0.1>`,
    speech,
    seconds: SECONDS,
  });
  const call = await finalRecord(stackOf(), from);
  expectConversation(call, { from, to: '+12025550198', line: 'anything' });
  const agent = said(call, 'agent');
  expectUnderstood(await hearAgent(voiceOf(), heard, agent), agent);
});

test("an INVITE in Novofon's shape reaches the line of the number dialled", async () => {
  await callWithSipp({
    endpoint: stackOf().sip,
    to: '878725',
    from: '"+74957852929" <sip:+74957852929@sip.zadarma.com>',
    headers: ['CALLED_DID: 73433009243', 'User-Agent: Zadarma Voip', 'Supported: replaces'],
    speech: new Int16Array(0),
    seconds: 6,
  });
  const call = await finalRecord(stackOf(), '+74957852929');
  expect(call).toMatchObject({
    from: '+74957852929',
    to: '+73433009243',
    line: 'reservations',
    state: 'ended',
    endReason: 'caller_hangup',
  });
});

function expectConversation(call: CallDetail, expected: Partial<CallDetail>): void {
  expect(call).toMatchObject({
    ...expected,
    direction: 'inbound',
    ingress: 'sip',
    state: 'ended',
    endedBy: 'caller',
    endReason: 'caller_hangup',
  });
  expect(said(call, 'caller')).toEqual(CUES.map(({ say }) => say));
  expect(said(call, 'agent')).toEqual([
    'Hello, this is Trattoria Trunkline. How can I help you?',
    'For how many people?',
    'For which day and time?',
  ]);
  for (const turn of call.turns.filter(({ who }) => who === 'agent').slice(1)) {
    expect(turn.latency?.total).toBeGreaterThan(0);
    expect(turn.latency?.llmFirstToken).toBeGreaterThan(0);
    expect(turn.latency?.ttsFirstByte).toBeGreaterThan(0);
  }
  for (const turn of call.turns.filter(({ who }) => who === 'caller')) {
    expect(turn.confidence).toBeGreaterThan(0.5);
  }
}
