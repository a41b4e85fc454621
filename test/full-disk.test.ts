import { expect, onTestFinished, test } from 'vitest';
import { finalRecord, said } from './harness/call-records.ts';
import { fullDisk } from './harness/full-disk.ts';
import { startCall } from './harness/simulated-caller.ts';
import { startTestStack } from './harness/start-test-stack.ts';
import { Voice } from '../rehearsal/voice/voice.ts';

/** Of the data folder: all that is written there, and no more than fills quickly. */
const SIZE_KIB = 64 * 1024;
const WORDS = ["I'd like to book a table.", 'For four people.'];
const CALLERS = ['+12025550601', '+12025550602', '+12025550603', '+12025550604'];

test('a disk that fills up costs no call, no room for one, and nothing of the record', async ({
  skip,
}) => {
  const disk = fullDisk(SIZE_KIB);
  if (!disk.isMounted) skip('only a disk of its own can be filled');
  disk.free();
  const stack = await startTestStack({
    dataDir: disk.dir,
    env: { TRUNKLINE_MAX_CALLS: '2', TRUNKLINE_AGENT_HOSTS: '1' },
  });
  onTestFinished(() => stack.stop());
  const voice = new Voice(stack.dataDir);
  onTestFinished(() => voice.close());

  for (const [index, from] of CALLERS.entries()) {
    const call = startCall(stack, voice, { from, say: WORDS });
    await call.heard(1);
    // In the midst of the first call; the others find it full.
    if (index === 0) disk.fill();
    const { outcome, turns } = await call.result;
    expect({ outcome, missed: turns.map(({ missed }) => missed) }).toEqual({
      outcome: 'completed',
      missed: [false, false],
    });
  }
  expect([...stack.processes.values()].map(({ restarts }) => restarts)).toEqual(
    [...stack.processes].map(() => 0),
  );

  disk.free();
  for (const from of CALLERS) {
    const record = await finalRecord(stack, from, 90_000);
    expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
    expect(said(record, 'caller').length).toBeGreaterThanOrEqual(WORDS.length);
  }
});
