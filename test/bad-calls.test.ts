import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { useBrowser } from './harness/browser.ts';
import { callsFrom } from './harness/call-records.ts';
import { callWithSipp } from './harness/call-with-sipp.ts';
import { findCause, signIn } from './harness/desk-page.ts';
import { childrenOf, pidOf } from './harness/kill-process.ts';
import { startCall } from './harness/simulated-caller.ts';
import { rehearse } from './harness/rehearse.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

/** Calls that go wrong for real, and what an operator reads of them on the desk. */
const stackOf = useTestStack({
  env: {
    TRUNKLINE_CONFIG: fileURLToPath(new URL('fixtures/impatient.yaml', import.meta.url)),
    TRUNKLINE_MAX_CALLS: '1',
  },
});
const voiceOf = useVoice(stackOf);
const browser = useBrowser();
const BOOK = "I'd like to book a table.";

afterEach(() => change({ stt: { failure: null }, tts: { failure: null } }));

const change = (patch: object) => rehearse(stackOf(), 'PUT', 'settings', patch);

async function causeOf(from: string) {
  // Within seconds of the hang-up: the record need not be sealed.
  await waitFor(async () => (await callsFrom(stackOf(), from))[0]?.endReason !== undefined);
  return findCause(await signIn(browser, stackOf()), from);
}

const sipp = (from: string, arrives: (frame: number) => boolean, seconds: number) =>
  callWithSipp({
    endpoint: stackOf().sip,
    to: '+12025550100',
    from: `<sip:${from}@127.0.0.1>`,
    speech: new Int16Array(0),
    seconds,
    arrives,
  });

test('the speech recogniser refuses our key', async () => {
  await change({ stt: { failure: { kind: 'status', status: 401 } } });
  const from = '+12025550501';
  await startCall(stackOf(), voiceOf(), { from, say: [BOOK], hangUpAfterMs: 60_000 }).result;
  expect(await causeOf(from)).toEqual({
    cause: 'stt_refused',
    sentence: 'The speech recogniser refused us (401); the agent apologised and hung up.',
  });
});

test('the voice stalls', async () => {
  const from = '+12025550502';
  const say = [BOOK, BOOK, BOOK];
  // A line that is soon tired of silence.
  const to = `sip:+12025550111@${stackOf().sip}`;
  const call = startCall(stackOf(), voiceOf(), { from, to, say, hangUpAfterMs: 90_000 });
  await call.heard(1);
  await change({ tts: { failure: { kind: 'stall' } } });
  await rehearse(stackOf(), 'POST', 'disconnect', { service: 'tts' });
  await call.result;
  expect(await causeOf(from)).toMatchObject({ cause: 'tts_stalled' });
});

test('no audio comes from the caller', async () => {
  const from = '+12025550503';
  await sipp(from, () => false, 3);
  const { cause, sentence } = await causeOf(from);
  expect(cause).toBe('no_audio_from_caller');
  expect(sentence).toMatch(/^Nothing was ever heard of the caller/);
});

test('a fifth of what the caller says is lost on the line', async () => {
  const from = '+12025550504';
  await sipp(from, (frame) => frame % 5 !== 4, 6);
  const { cause, sentence } = await causeOf(from);
  expect(cause).toBe('lossy_line');
  expect(sentence).toMatch(/lost (?:19|20|21) %/);
});

test('all workers are full', async () => {
  const first = startCall(stackOf(), voiceOf(), { from: '+12025550505', hangUpAfterMs: 60_000 });
  await first.heard(1);
  const from = '+12025550506';
  await startCall(stackOf(), voiceOf(), { from }).result;
  first.hangUp();
  await first.result;
  expect(await causeOf(from)).toMatchObject({ cause: 'all_workers_full' });
});

test('the agent dies, and no worker is left', async () => {
  const from = '+12025550507';
  const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 60_000 });
  await call.heard(1);
  const hosts = childrenOf(pidOf(stackOf(), 'agent'));
  // Nothing is started again after that.
  void stackOf().processes.get('agent')?.stop(0);
  for (const pid of hosts) process.kill(pid, 'SIGKILL');
  await call.result;
  expect(await causeOf(from)).toMatchObject({ cause: 'agent_died' });
});
