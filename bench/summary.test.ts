import { expect, test } from 'vitest';
import type { CallResult, TurnResult } from '../rehearsal/caller/call-events.ts';
import { spread, summarise } from './summary.ts';

const turn = (latencyMs: number | undefined, overlapped = false): TurnResult => ({
  text: 'Hello.',
  latencyMs,
  stopMs: undefined,
  overlapped,
  missed: latencyMs === undefined && !overlapped,
  heard: [],
});

const call = (change: Partial<CallResult>): CallResult => ({
  sipCallId: 'id',
  outcome: 'completed',
  code: 200,
  reason: 'OK',
  endedBy: 'caller',
  ringingMs: 10,
  finalStatusMs: 400,
  firstAudioMs: 200,
  durationMs: 30_000,
  turns: [turn(600), turn(700)],
  rtp: { sent: 1, received: 1, lost: 0, jitterMs: 0 },
  clock: { skipped: 0, worstLatenessMs: 3 },
  ...change,
});

test('percentiles are values that occurred', () => {
  expect(spread([5, undefined, 1, 3])).toEqual({ p50: 3, p95: 5, count: 3 });
  expect(spread([])).toBeUndefined();
});

test('takes the providers off the replies, and leaves out what has no reply', () => {
  const summary = summarise([call({ turns: [turn(600), turn(700), turn(undefined, true)] })], 450);
  expect(summary.overhead).toEqual({ p50: 150, p95: 250, count: 2 });
  expect(summary).toMatchObject({
    turns: 3,
    turnsMissed: 0,
    turnsOverlapped: 1,
    served: 0,
    faulty: 1,
  });
  expect(summary.callMinutes).toBe(0.5);
});

test('tells served, refused, lost and silent calls apart', () => {
  const refused = { code: 503, endedBy: undefined, firstAudioMs: undefined } as const;
  const summary = summarise(
    [
      call({}),
      call({ outcome: 'refused', finalStatusMs: 40, ...refused }),
      call({ outcome: 'refused', finalStatusMs: 90, ...refused }),
      call({ outcome: 'unanswered', ...refused, code: 0 }),
      call({ outcome: 'silent', firstAudioMs: undefined, turns: [turn(undefined)] }),
      call({ endedBy: 'agent', turns: [turn(600), turn(undefined)] }),
      call({ turns: [turn(600), turn(undefined)] }),
    ],
    450,
  );
  expect(summary).toMatchObject({
    calls: 7,
    served: 1,
    faulty: 1,
    refused: { count: 2, codes: [503] },
    slowestRefusalMs: 90,
    lost: 2,
    silent: 1,
    turnsMissed: 3,
  });
});
