import { expect, test } from 'vitest';
import { fold } from '../../calls/fold.ts';
import { publicCall } from '../out/public-call.ts';
import { factsOf } from '../out/public-events.ts';
import { withoutPerson } from '../../ledger/privacy/redact.ts';
import { TRACES, eventsOf, reportsOf } from './fixtures/histories.ts';

/** Names of all fields whose values differ. */
function changed(before: unknown, after: unknown, name = ''): string[] {
  if (Object.is(before, after)) return [];
  if (typeof before !== 'object' || typeof after !== 'object') return [name];
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].flatMap((key) =>
    changed(
      (before as Record<string, unknown>)[key],
      (after as Record<string, unknown>)[key],
      /^\d+$/.test(key) ? name : key,
    ),
  );
}

const PERSONAL = ['from', 'to', 'identity', 'name', 'roomName', 'sipCallIdFull', 'text', 'turns'];

test.each(TRACES)('%s: of an erased caller the facts are left', (trace) => {
  const withAgent = trace !== 'inbound-no-agent-rings-180s' && trace !== 'outbound-busy-486';
  const ending = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
  const events = [...eventsOf(trace), ...(withAgent ? reportsOf(trace, ending) : [])];
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no call');
  const told = factsOf(call, events).map(({ data }) => data());
  const whole = { events, call, shown: publicCall(call), told };
  const erased = withoutPerson(whole);
  const names = changed(whole, erased);
  expect(names).toContain('from');
  for (const name of names) expect(PERSONAL).toContain(name);
  // What is made of stripped events is as good as the stripped record.
  const { state, ending: why, startedAt } = call;
  expect(fold('call_1', erased.events)).toMatchObject({ state, ending: why, startedAt });
});
