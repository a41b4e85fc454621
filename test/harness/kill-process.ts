import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ProcessName } from '../../cli/stack.ts';
import type { Voice } from '../../rehearsal/voice/voice.ts';
import { finalRecord } from './call-records.ts';
import { startCall } from './simulated-caller.ts';
import type { TestStack } from './start-test-stack.ts';
import { waitFor } from './wait-for.ts';

export function pidOf(stack: TestStack, name: ProcessName): number {
  const pid = stack.processes.get(name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

/** Pids of what it has started itself. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Resolves when the process runs again and is ready, and no other was hurt. */
export async function killAndWait(
  stack: TestStack,
  name: ProcessName,
  signal: 'SIGKILL' | 'SIGSTOP' = 'SIGKILL',
): Promise<void> {
  const others = [...stack.processes.values()].filter((other) => other.name !== name);
  const before = others.map(({ pid }) => pid);
  const supervised = stack.processes.get(name);
  const { restarts = 0 } = supervised ?? {};
  process.kill(pidOf(stack, name), signal);
  await waitFor(() => supervised?.restarts === restarts + 1 && supervised.state === 'ready', {
    timeout: signal === 'SIGSTOP' ? 90_000 : 30_000,
    what: `${name} to be started again`,
  });
  expect(others.map(({ pid }) => pid)).toEqual(before);
}

export async function expectNextCallWorks(
  stack: TestStack,
  voice: Voice,
  from: string,
): Promise<void> {
  const { outcome, turns } = await startCall(stack, voice, { from, say: ['Hello.'] }).result;
  expect({ outcome, missed: turns.map(({ missed }) => missed) }).toEqual({
    outcome: 'completed',
    missed: [false],
  });
  expect(await finalRecord(stack, from)).toMatchObject({ endReason: 'caller_hangup' });
}
