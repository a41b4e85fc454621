import { expect, test } from 'vitest';
import { fold } from '../calls/fold.ts';
import { whyOf } from '../calls/why/why.ts';
import { eventsOf, reportsOf } from '../webhooks/in/fixtures/histories.ts';
import { supportFile } from './support-file.ts';

const TRACE = 'inbound-novofon-caller-bye';

test('has what went on and when, and nothing of whose it was or what was said', () => {
  const events = [
    ...eventsOf(TRACE),
    ...reportsOf(TRACE, { endedBy: 'caller', endReason: 'caller_hangup' }),
  ];
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no call');
  const stored = events.map((event, index) => ({
    sequence: index + 1,
    receivedAt: event.at,
    late: false,
    event,
  }));
  const file = supportFile(call, whyOf(call, events), stored);
  expect(file.timeline).toHaveLength(events.length);
  expect(file.call).toMatchObject({ from: 'end 1', to: 'end 2', endReason: 'caller_hangup' });

  const text = JSON.stringify(file);
  const personal = new Set<string>();
  const collect = (value: unknown, name: string): void => {
    if (typeof value === 'object' && value !== null) {
      for (const [key, inner] of Object.entries(value)) collect(inner, key);
    } else if (
      typeof value === 'string' &&
      /^(?:from|to|text|identity|roomName|.*Sid|sipCallId.*|trunk|rule|jobId|workerId|id)$/.test(
        name,
      )
    ) {
      personal.add(value);
    }
  };
  collect(call, '');
  collect(events, '');
  expect(personal.size).toBeGreaterThan(10);
  for (const one of [...personal].filter((one) => one.length > 3)) expect(text).not.toContain(one);
  for (const number of call.from?.match(/\d{6,}/g) ?? []) expect(text).not.toContain(number);
});
