import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { Call } from '../../calls/call.ts';
import type { CallEvent } from '../../calls/events.ts';
import { fold } from '../../calls/fold.ts';
import { openSqliteStore } from '../../api/store.ts';
import { outstanding } from '../../calls/state.ts';
import type { Trace } from './fixtures/histories.ts';
import { TRACES, eventsOf, meetingOf, reportsOf } from './fixtures/histories.ts';

const folded = (events: readonly CallEvent[]): Call => {
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no events');
  return call;
};

const summary = (trace: Trace) => {
  const { state, direction, from, to, line, ending, answeredAt, legs } = folded(eventsOf(trace));
  return {
    state,
    direction,
    from,
    to,
    line,
    endedBy: ending?.by,
    endReason: ending?.reason,
    answered: answeredAt !== undefined,
    legs: legs.length,
  };
};

const ended = (trace: Trace, by: 'agent' | 'caller' | 'system' | 'operator', reason: string) => {
  const data = { endedBy: by, endReason: reason } as Parameters<typeof reportsOf>[1];
  const { ending, state } = folded([...eventsOf(trace), ...reportsOf(trace, data)]);
  return [state, ending?.by, ending?.reason];
};

describe('what livekit-server sent makes the right record', () => {
  const novofon = {
    direction: 'inbound',
    from: '+74950000001',
    to: '+74990000002',
    line: 'main',
    legs: 1,
  };

  test('the caller said BYE', () => {
    expect(summary('inbound-novofon-caller-bye')).toEqual({
      ...novofon,
      state: 'ended',
      endedBy: 'caller',
      endReason: 'caller_hangup',
      answered: true,
    });
  });
  test('the caller vanished', () => {
    expect(summary('inbound-caller-vanishes-media-timeout')).toMatchObject({
      state: 'ended',
      endedBy: 'carrier',
      endReason: 'media_timeout',
      answered: true,
    });
  });
  test('the caller vanished, livekit-sip waited for the answer to its BYE, and the agent did not', () => {
    expect(summary('inbound-caller-vanishes-bye-unanswered')).toMatchObject({
      state: 'ended',
      endedBy: 'carrier',
      endReason: 'media_timeout',
      answered: true,
    });
  });
  test('no agent came', () => {
    expect(summary('inbound-no-agent-rings-180s')).toMatchObject({
      state: 'failed',
      endedBy: 'system',
      endReason: 'no_agent',
      answered: false,
    });
  });
  test('the room was deleted', () => {
    expect(summary('inbound-agent-side-room-deleted')).toMatchObject({
      state: 'ended',
      endedBy: 'system',
      endReason: 'room_deleted',
      answered: true,
    });
  });
  test('we called, and the room was deleted', () => {
    expect(summary('outbound-answered-room-deleted')).toMatchObject({
      state: 'ended',
      direction: 'outbound',
      from: '+74951234567',
      to: '+79035550101',
      endReason: 'room_deleted',
      answered: true,
    });
  });
  test('we called, and they were busy', () => {
    expect(summary('outbound-busy-486')).toMatchObject({
      state: 'failed',
      direction: 'outbound',
      endedBy: 'carrier',
      endReason: 'rejected',
      answered: false,
    });
  });
  test('we called, it rang before the webhook about it was sent, and they declined', () => {
    expect(summary('outbound-declined-603-after-ringing')).toMatchObject({
      state: 'failed',
      direction: 'outbound',
      from: '+74990000002',
      to: '+79035550101',
      endReason: 'rejected',
      answered: false,
    });
  });
  test('we called, and it rang for too long', () => {
    expect(summary('outbound-no-answer-ringing-timeout')).toMatchObject({
      state: 'failed',
      direction: 'outbound',
      endedBy: 'carrier',
      endReason: 'no_answer',
      answered: false,
    });
  });
  test.each(TRACES)('%s: after its last webhook only an agent has more to tell', (trace) => {
    const call = folded(eventsOf(trace));
    expect(outstanding(call)).toEqual(call.agents.length > 0 ? ['agent'] : []);
    if (call.agents.length === 0) return;
    const data = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
    const reports = reportsOf(trace, data);
    expect(outstanding(folded([...eventsOf(trace), ...reports]))).toEqual([]);
  });
});

describe('who says why', () => {
  test('an agent that deletes the room has hung up', () => {
    expect(ended('inbound-agent-side-room-deleted', 'agent', 'agent_hangup')).toEqual([
      'ended',
      'agent',
      'agent_hangup',
    ]);
  });
  test('what the worker saw of a caller who vanished is less than what LiveKit saw', () => {
    expect(ended('inbound-caller-vanishes-media-timeout', 'caller', 'caller_hangup')).toEqual([
      'ended',
      'carrier',
      'media_timeout',
    ]);
  });
  test('a transfer explains the BYE after it', () => {
    expect(ended('inbound-novofon-refer-transfer-then-bye', 'agent', 'transferred')).toEqual([
      'ended',
      'agent',
      'transferred',
    ]);
  });
  test('a worker that takes a removal for an operator does not make one of it', () => {
    expect(ended('inbound-agent-side-room-deleted', 'operator', 'operator_hangup')).toEqual([
      'ended',
      'system',
      'room_deleted',
    ]);
  });
});

/** Of a whole history: every event at least once, in any order. */
const shuffled = (events: readonly CallEvent[]) =>
  fc
    .tuple(
      fc.shuffledSubarray([...events], { minLength: events.length }),
      fc.shuffledSubarray([...events]),
    )
    .map(([all, again]) => [...again.slice(0, 3), ...all, ...again]);

const histories = TRACES.map((trace) => {
  const talked = trace.startsWith('inbound-novofon') || trace.includes('room-deleted');
  const ending = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
  const reports = talked ? [...meetingOf(trace), ...reportsOf(trace, ending)] : [];
  return { trace, events: [...eventsOf(trace), ...reports] };
});

describe.each(histories)('$trace', ({ events }) => {
  test('order and duplicates do not change the record', () => {
    const expected = folded(events);
    fc.assert(
      fc.property(shuffled(events), (history) => {
        expect(folded(history)).toEqual(expected);
      }),
    );
  });
});

describe('through the ledger', () => {
  const dir = mkdtempSync(join(tmpdir(), 'ledger-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  let files = 0;

  test('all calls at once, shuffled and doubled, give the same records, one each', async () => {
    const all = histories.flatMap(({ events }) => events);
    const expected = histories.map(({ events }) => withoutId(folded(events)));
    await fc.assert(
      fc.asyncProperty(shuffled(all), async (history) => {
        const ledger = await openSqliteStore(join(dir, `${(files += 1)}.sqlite`));
        await Promise.all(history.map((event) => ledger.record([event])));
        const { data } = await ledger.calls({ limit: 100 });
        await ledger.close();
        expect(data.map(withoutId).sort(byStart)).toEqual(expected.sort(byStart));
      }),
      { numRuns: 10 },
    );
  }, 60_000);
});

function withoutId({ id: _random, ...call }: Call): Omit<Call, 'id'> {
  return call;
}

function byStart(a: Omit<Call, 'id'>, b: Omit<Call, 'id'>): number {
  return a.startedAt < b.startedAt ? -1 : 1;
}
