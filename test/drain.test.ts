import { afterEach, beforeEach, expect, test } from 'vitest';
import { Voice } from '../rehearsal/voice/voice.ts';
import { isGroupRunning } from './harness/is-running.ts';
import { startCall } from './harness/simulated-caller.ts';
import { startTestStack } from './harness/start-test-stack.ts';
import type { TestStack } from './harness/start-test-stack.ts';
import { waitFor } from './harness/wait-for.ts';

let stack: TestStack;
let voice: Voice;
beforeEach(async () => {
  stack = await startTestStack();
  voice = new Voice(stack.dataDir);
});
afterEach(async () => {
  await voice.close();
  await stack.stop();
});

test('stopping lets the running call finish, takes no new one, and leaves nothing behind', async () => {
  const pids = [...stack.processes.values()].map(({ pid }) => pid ?? 0);
  const words = ["I'd like to book a table.", 'For four people.'];
  const call = startCall(stack, voice, { from: '+12025550501', say: words });
  await call.heard(1);

  const stopped = stack.stop(60_000);
  const late = await startCall(stack, voice, { from: '+12025550502' }).result;
  expect(late).toMatchObject({ outcome: 'refused', code: 503 });

  const { outcome, turns } = await call.result;
  expect({ outcome, missed: turns.map(({ missed }) => missed) }).toEqual({
    outcome: 'completed',
    missed: [false, false],
  });
  await stopped;
  expect([...stack.processes.values()].map(({ state }) => state)).toEqual(
    pids.map(() => 'stopped'),
  );
  await waitFor(() => pids.every((pid) => !isGroupRunning(pid)));
});

test('in a hurry, whoever is on the telephone is hung up on, and everything ends', async () => {
  const pids = [...stack.processes.values()].map(({ pid }) => pid ?? 0);
  const call = startCall(stack, voice, { from: '+12025550503', hangUpAfterMs: 120_000 });
  await call.heard(1);
  const stopped = stack.stop(60_000);
  const { host, port } = stack.config.sip.health;
  await waitFor(async () => (await fetch(`http://${host}:${port}/readyz`)).status === 503);
  await stack.hurry();
  expect(await call.result).toMatchObject({ outcome: 'completed', endedBy: 'agent' });
  await stopped;
  await waitFor(() => pids.every((pid) => !isGroupRunning(pid)));
});
