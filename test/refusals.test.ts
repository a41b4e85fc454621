import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { callsFrom, finalRecord } from './harness/call-records.ts';
import { callWithSipp } from './harness/call-with-sipp.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';

/** No agent worker: nobody will ever come. */
const stackOf = useTestStack({
  only: ['livekit', 'api', 'ingress'],
  env: {
    TRUNKLINE_CONFIG: fileURLToPath(new URL('fixtures/one-line.yaml', import.meta.url)),
    TRUNKLINE_SIP_ANSWER_TIMEOUT_MS: '2000',
  },
});

const voiceOf = useVoice(stackOf);

test('no agent: the caller hears an apology, and the record says no_agent', async () => {
  const from = '+12025550401';
  const call = startCall(stackOf(), voiceOf(), {
    from,
    to: `sip:+12025550100@${stackOf().sip}`,
    hangUpAfterMs: 60_000,
  });
  const result = await call.result;
  expect(result).toMatchObject({ outcome: 'completed', code: 200, endedBy: 'agent' });
  expect(result.finalStatusMs).toBeGreaterThanOrEqual(2000);
  const spoken = call.events.find(({ type }) => type === 'reply');
  const ended = call.events.find(({ type }) => type === 'ended');
  expect((ended?.at ?? 0) - (spoken?.at ?? 0)).toBeGreaterThan(2000);
  expect(await finalRecord(stackOf(), from)).toMatchObject({
    endedBy: 'system',
    endReason: 'no_agent',
    line: 'main',
    why: { cause: 'no_worker', layer: 'agent' },
  });
});

test('a number that no line has: 404, and no call', async () => {
  const from = '+12025550402';
  await callWithSipp({
    endpoint: stackOf().sip,
    to: '+12025559999',
    from: `<sip:${from}@127.0.0.1>`,
    speech: new Int16Array(0),
    seconds: 1,
    status: 404,
  });
  expect(await callsFrom(stackOf(), from)).toEqual([]);
});
