import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CallResult } from '../rehearsal/caller/call-events.ts';
import type { CallOrder } from './callers.ts';

export interface PlacedCalls {
  readonly results: readonly CallResult[];
  /** What the callers themselves used. */
  readonly cpuSeconds: number;
}

/** Places calls from a process of their own. Rejects when that process fails. */
export async function placeCalls(order: CallOrder, signal: AbortSignal): Promise<PlacedCalls> {
  const child = fork(fileURLToPath(new URL('callers.ts', import.meta.url)), [], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    signal,
  });
  child.send(order);
  const answer = await Promise.race([
    once(child, 'message').then(([message]) => message as Answer),
    once(child, 'exit').then(([code]): Answer => ({ error: `the callers ended with ${code}` })),
  ]);
  if ('error' in answer) throw new Error(answer.error);
  return answer;
}

type Answer = PlacedCalls | { readonly error: string };
