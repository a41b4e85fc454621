import { expect, test } from 'vitest';
import { newCall } from '../../calls/transition.ts';
import type { CallEvent } from '../../calls/events.ts';
import { factsOf } from './public-events.ts';

function warningsOf(data: object, type = 'agent.error'): unknown[] {
  const at = '2026-11-27T10:00:00.000Z';
  const event = { id: 'EV_1', source: 'worker', at, correlation: {}, type, data } as CallEvent;
  return factsOf(newCall('call_1', event), [event])
    .filter((fact) => fact.type === 'call.warning')
    .map((fact) => fact.data()['warning']);
}

test.each([
  ['session', 'no reply was heard in time', 'No reply was heard in time.'],
  ['session', 'call +74950000001 back', 'The conversation was disturbed.'],
  [
    'room',
    'no audio has come from the caller for 5 s',
    'No audio has come from the caller for 5 s.',
  ],
  ['stt', '401 for key sk-1', 'The speech recogniser failed: it is tried again.'],
])('%s: %s', (component, message, sentence) => {
  expect(warningsOf({ component, message, recoverable: true })).toEqual([
    { code: component, sentence },
  ]);
});

test('an agent that is sent for again is a warning', () => {
  const data = { reason: 'no_agent', agents: 0, agentName: 'trunkline' };
  expect(warningsOf(data, 'rescue.dispatched')).toEqual([
    { code: 'no_agent', sentence: 'The caller has no agent: one was sent for again.' },
  ]);
});
