import { expect, test } from 'vitest';
import type { CallEvent, CallResult } from './call-events.ts';
import { inOrder } from './in-order.ts';
import { narrate, summarise } from './narrate.ts';

const heard = (at: number, text?: string): CallEvent => ({
  type: 'heard',
  at,
  turn: 0,
  seconds: 3.94,
  text,
});

test('the screen has events in the order in which they happened', () => {
  const seen: string[] = [];
  const onEvent = inOrder((event) => seen.push(`${event.at} ${event.type}`));
  onEvent({ type: 'ringing', at: 100, code: 180 });
  onEvent({ type: 'hearing', at: 4800 });
  onEvent({ type: 'saying', at: 5500, turn: 0, text: 'Hello.' });
  onEvent({ type: 'hearing', at: 8800 });
  expect(seen).toEqual(['100 ringing']);
  // Understood in another order than they were said in.
  onEvent(heard(8800));
  onEvent(heard(4800, 'Good morning.'));
  onEvent({ type: 'ended', at: 9000, by: 'caller' });
  expect(seen).toEqual(['100 ringing', '4800 heard', '5500 saying', '8800 heard', '9000 ended']);
});

test('speech that was not understood says what it is', () => {
  expect(narrate(heard(4800))).toBe(
    '   4.8 s  agent:  (3.9 s of speech that is not in the phrase book)',
  );
  expect(narrate(heard(4800, 'Hello.'))).toBe('   4.8 s  agent:  Hello.');
});

const RESULT: CallResult = {
  sipCallId: 'x',
  outcome: 'completed',
  code: 200,
  reason: 'OK',
  endedBy: 'caller',
  ringingMs: 400,
  finalStatusMs: 940,
  firstAudioMs: 348,
  durationMs: 13_000,
  turns: [
    { text: 'a', latencyMs: 901, stopMs: undefined, overlapped: false, missed: false, heard: [] },
  ],
  rtp: { sent: 597, received: 601, lost: 0, jitterMs: 1.5 },
  clock: { skipped: 0, worstLatenessMs: 0 },
};

test('a call that was answered has its figures', () => {
  expect(summarise(RESULT).split('\n')).toEqual([
    '',
    'outcome              completed (200 OK)',
    'INVITE to final      940 ms',
    'answer to speech     348 ms',
    'voice to voice       901 ms median of 1 of 1 turns',
    'RTP                  597 sent, 601 received, 0 lost, jitter 1.5 ms',
  ]);
});

test('a caller who said nothing waited for no reply', () => {
  expect(summarise({ ...RESULT, turns: [] })).not.toContain('voice to voice');
});

test('turns without a figure have no median', () => {
  const turns = RESULT.turns.map((turn) => ({ ...turn, latencyMs: undefined, missed: true }));
  expect(summarise({ ...RESULT, turns })).toContain('voice to voice       no figure in 1 turns');
});

test('a call that reached nobody has none', () => {
  const reason = 'nothing listens at 127.0.0.1:5060';
  const failed = { type: 'failed', at: 0, code: 0, reason } as const;
  expect(narrate(failed)).toBe(`   0.0 s  the call failed: ${reason}`);
  expect(narrate({ ...failed, code: 486, reason: 'Busy Here' })).toBe(
    '   0.0 s  the call failed: 486 Busy Here',
  );
  expect(summarise({ ...RESULT, outcome: 'unreachable', code: 0, reason })).toBe('');
  expect(
    summarise({ ...RESULT, outcome: 'refused', code: 486, reason: 'Busy Here' }).split('\n'),
  ).toEqual(['', 'outcome              refused (486 Busy Here)', 'INVITE to final      940 ms']);
});
