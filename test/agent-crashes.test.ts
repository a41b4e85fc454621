import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { phrasesFor } from '../agent/speech/phrases.ts';
import { finalRecord, said } from './harness/call-records.ts';
import { childrenOf, expectNextCallWorks, killAndWait, pidOf } from './harness/kill-process.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

const stackOf = useTestStack();
/** The promise to a caller whose agent died. */
const SERVED_AGAIN_MS = 10_000;
/** So long one that answers nothing is taken for busy. */
const HUNG_AFTER_MS = 6_000;
const WORDS = ["I'd like to book a table.", 'For four people.'];

const voiceOf = useVoice(stackOf);

test('kill -9 of the agent worker: its calls go on, and it comes back', async () => {
  const from = '+12025550301';
  const call = startCall(stackOf(), voiceOf(), { from, say: WORDS });
  await call.heard(1);
  await killAndWait(stackOf(), 'agent');
  const { outcome, turns } = await call.result;
  expect({ outcome, missed: turns.some(({ missed }) => missed) }).toEqual({
    outcome: 'completed',
    missed: false,
  });
  const record = await finalRecord(stackOf(), from);
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
  expect(said(record, 'caller').length).toBeGreaterThanOrEqual(2);
  await expectNextCallWorks(stackOf(), voiceOf(), '+12025550302');
});

test.each([
  ['is killed', 'SIGKILL', '+1202555030', SERVED_AGAIN_MS],
  ['hangs', 'SIGSTOP', '+1202555031', HUNG_AFTER_MS + SERVED_AGAIN_MS],
] as const)(
  'the process that holds the conversation %s: another one takes over',
  async (_what, signal, numbers, withinMs) => {
    const from = `${numbers}3`;
    const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 60_000 });
    await call.heard(1);
    process.kill(holderOfTheCall(), signal);
    const killedAt = performance.now();
    await call.heard(2);
    expect(performance.now() - killedAt).toBeLessThan(withinMs);
    call.hangUp();
    await call.result;
    const record = await finalRecord(stackOf(), from);
    expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
    expect(said(record, 'agent')).toContain(phrasesFor('en').resumed);
    const types = record.timeline.map(({ type }) => type);
    expect(types.filter((type) => type === 'agent.started')).toHaveLength(2);
    expect(types).toContain('rescue.dispatched');
    await expectNextCallWorks(stackOf(), voiceOf(), `${numbers}4`);
  },
);

test('kill -9 of the worker and all its hosts: the caller is served again, or told', async () => {
  const from = '+12025550309';
  const call = startCall(stackOf(), voiceOf(), { from, hangUpAfterMs: 60_000 });
  await call.heard(1);
  const supervised = stackOf().processes.get('agent');
  const { restarts = 0 } = supervised ?? {};
  const worker = pidOf(stackOf(), 'agent');
  for (const pid of [...childrenOf(worker), worker]) process.kill(pid, 'SIGKILL');
  await Promise.race([call.heard(2).catch(() => undefined), call.result]);
  call.hangUp();
  await call.result;
  const record = await finalRecord(stackOf(), from);
  const lostAt = record.timeline.find(({ type }) => type === 'agent.ended')?.at ?? '';
  const spokenTo = record.timeline.find(
    ({ type, at }) => (type === 'agent.first_audio' || type === 'leg.fallback') && at > lostAt,
  );
  expect(Date.parse(spokenTo?.at ?? '') - Date.parse(lostAt)).toBeLessThan(SERVED_AGAIN_MS);
  const wasSaved = said(record, 'agent').includes(phrasesFor('en').resumed);
  expect(record.endReason).toBe(wasSaved ? 'caller_hangup' : 'agent_lost');
  await waitFor(() => supervised?.restarts === restarts + 1 && supervised.state === 'ready', {
    timeout: 30_000,
    what: 'the worker to be started again',
  });
  await expectNextCallWorks(stackOf(), voiceOf(), '+12025550310');
});

/** The host that has the only call. */
function holderOfTheCall(): number {
  const dir = join(stackOf().dataDir, 'worker-jobs');
  const [file = ''] = readdirSync(dir);
  return (JSON.parse(readFileSync(join(dir, file), 'utf8')) as { pid: number }).pid;
}
