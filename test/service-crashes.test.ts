import { expect, test } from 'vitest';
import { finalRecord, said } from './harness/call-records.ts';
import { expectNextCallWorks, killAndWait } from './harness/kill-process.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';

const stackOf = useTestStack();
const WORDS = ["I'd like to book a table.", 'For four people.'];

const voiceOf = useVoice(stackOf);

test('kill -9 of the call service: callers notice nothing, the record is whole', async () => {
  const from = '+12025550305';
  const call = startCall(stackOf(), voiceOf(), { from, say: WORDS });
  await call.heard(1);
  await killAndWait(stackOf(), 'api');
  expect((await call.result).turns.map(({ missed }) => missed)).toEqual([false, false]);
  const record = await finalRecord(stackOf(), from, 90_000);
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
  expect(said(record, 'caller').length).toBeGreaterThanOrEqual(2);
  expect(said(record, 'agent').length).toBeGreaterThanOrEqual(3);
  await expectNextCallWorks(stackOf(), voiceOf(), '+12025550306');
});

test('kill -9 of the SIP endpoint: the record ends and says why', async () => {
  const from = '+12025550307';
  const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 60_000 });
  await call.heard(1);
  await killAndWait(stackOf(), 'ingress');
  call.hangUp();
  await call.result;
  const record = await finalRecord(stackOf(), from, 90_000);
  expect(record.endedBy).toBe('system');
  expect(['service_lost', 'trunk_failure', 'media_timeout']).toContain(record.endReason);
  await expectNextCallWorks(stackOf(), voiceOf(), '+12025550308');
});
