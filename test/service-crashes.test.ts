import { afterAll, beforeAll, expect, test } from 'vitest';
import { Voice } from '../rehearsal/voice/voice.ts';
import { finalRecord, said } from './harness/call-records.ts';
import { expectNextCallWorks, killAndWait } from './harness/kill-process.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';

const stackOf = useTestStack();
const WORDS = ["I'd like to book a table.", 'For four people.'];

let voice: Voice;
beforeAll(() => {
  voice = new Voice(stackOf().dataDir);
});
afterAll(() => voice.close());

test('kill -9 of the call service: callers notice nothing, the record is whole', async () => {
  const from = '+12025550305';
  const call = startCall(stackOf(), voice, { from, say: WORDS });
  await call.heard(1);
  await killAndWait(stackOf(), 'api');
  expect((await call.result).turns.map(({ missed }) => missed)).toEqual([false, false]);
  const record = await finalRecord(stackOf(), from, 90_000);
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
  expect(said(record, 'caller').length).toBeGreaterThanOrEqual(2);
  expect(said(record, 'agent').length).toBeGreaterThanOrEqual(3);
  await expectNextCallWorks(stackOf(), voice, '+12025550306');
});

test('kill -9 of the SIP endpoint: the record ends and says why', async () => {
  const from = '+12025550307';
  const call = startCall(stackOf(), voice, { from, hangUpAfterMs: 60_000 });
  await call.heard(1);
  await killAndWait(stackOf(), 'ingress');
  call.hangUp();
  await call.result;
  const record = await finalRecord(stackOf(), from, 90_000);
  expect(record.endedBy).toBe('system');
  expect(['service_lost', 'trunk_failure', 'media_timeout']).toContain(record.endReason);
  await expectNextCallWorks(stackOf(), voice, '+12025550308');
});
