import { expect, test } from 'vitest';
import { finalRecord, said } from './harness/call-records.ts';
import { expectNextCallWorks, killAndWait } from './harness/kill-process.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

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

test.each([
  ['is killed', 'SIGKILL', '+1202555030'],
  ['hangs', 'SIGSTOP', '+1202555032'],
] as const)(
  'the SIP endpoint %s: the next one hangs up, and the record says why',
  async (_what, signal, numbers) => {
    const from = `${numbers}7`;
    const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 120_000 });
    await call.heard(1);
    await killAndWait(stackOf(), 'ingress', signal);
    // By a BYE, and not by the caller's patience.
    expect(await call.result).toMatchObject({ outcome: 'completed', endedBy: 'agent' });
    expect(await finalRecord(stackOf(), from, 90_000)).toMatchObject({
      endedBy: 'system',
      endReason: 'service_lost',
      why: { cause: 'service_lost', layer: 'livekit' },
    });
    await expectNextCallWorks(stackOf(), voiceOf(), `${numbers}8`);
  },
);

test('the agent worker hangs: its calls go on, and it comes back', async () => {
  const from = '+12025550331';
  const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 120_000 });
  await call.heard(1);
  await killAndWait(stackOf(), 'agent', 'SIGSTOP');
  call.hangUp();
  expect(await call.result).toMatchObject({ outcome: 'completed', endedBy: 'caller' });
  const record = await finalRecord(stackOf(), from);
  expect(record.timeline.filter(({ type }) => type === 'agent.started')).toHaveLength(1);
  await expectNextCallWorks(stackOf(), voiceOf(), '+12025550332');
});

test.each([
  ['call service', 'api', '+12025550333'],
  ['LiveKit server', 'livekit', '+12025550334'],
] as const)('the %s hangs: it is started again, and calls come in', async (_what, name, from) => {
  await killAndWait(stackOf(), name, 'SIGSTOP');
  await waitFor(async () => (await workerHealth()).ok, { what: 'the worker to be back' });
  await expectNextCallWorks(stackOf(), voiceOf(), from);
});

function workerHealth(): Promise<Response> {
  const { host, port } = stackOf().config.worker.health;
  return fetch(`http://${host}:${port}/readyz`);
}
