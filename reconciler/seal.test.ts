import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Call } from '../calls/call.ts';
import type { CallEvent, SipData } from '../calls/events.ts';
import type { Store } from '../api/store.ts';
import { openSqliteStore } from '../api/store.ts';
import { outstanding } from '../calls/state.ts';
import type { Trace } from '../webhooks/in/fixtures/histories.ts';
import { eventsOf, reportsOf } from '../webhooks/in/fixtures/histories.ts';
import { sealSettled } from './seal.ts';

let dir: string;
let ledger: Store;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'seal-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
});
afterEach(async () => {
  await ledger.close();
  await rm(dir, { recursive: true });
});

const seal = (afterMs: number): Promise<number> =>
  sealSettled(ledger, new Date(Date.now() + afterMs));

async function calls(): Promise<readonly Call[]> {
  return (await ledger.calls({ limit: 100 })).data;
}

const TRACE: Trace = 'inbound-novofon-caller-bye';
const events = eventsOf(TRACE);
const { roomName = '', roomSid = '' } = events[0]?.correlation ?? {};
const arrivals = events.filter(
  ({ type }) => type !== 'participant.left' && type !== 'room.finished',
);

const isAgents = ({ type, correlation }: CallEvent): boolean =>
  correlation.jobId !== undefined || type.startsWith('track.');

/** The event with something else in the caller's attributes, where it has them. */
function withSip(event: CallEvent, change: Partial<SipData>): CallEvent {
  if (!('kind' in event.data) || event.data.sip === undefined) return event;
  return { ...event, data: { ...event.data, sip: { ...event.data.sip, ...change } } } as CallEvent;
}

const reports = reportsOf(TRACE, { endedBy: 'caller', endReason: 'caller_hangup' });

test('a call of which all is known is sealed soon, and once', async () => {
  await ledger.record([...events, ...reports]);
  expect(await seal(500)).toBe(0);
  expect(await seal(5_000)).toBe(1);
  expect(await seal(5_000)).toBe(0);
});

test('one that cannot be sealed keeps no other from it', async () => {
  const others = eventsOf('inbound-caller-vanishes-bye-unanswered');
  await ledger.record([...events, ...reports, ...others]);
  const bad = (await calls()).find(({ room }) => room?.sid === roomSid)?.id ?? '';
  const damaged = {
    openCalls: () => ledger.openCalls(),
    async seal(ids: readonly string[], at: string) {
      if (ids.includes(bad)) throw new TypeError('a bug');
      return ledger.seal(ids, at);
    },
  };
  const later = new Date(Date.now() + 3_600_000);
  await expect(sealSettled(damaged, later)).rejects.toThrow('could not be sealed');
  expect((await ledger.openCalls()).map(({ call }) => call.id)).toEqual([bad]);
});

test.each([0, 4])(
  "a worker's last report is waited for, then given up; of %i that came before",
  async (count) => {
    await ledger.record([...events, ...reports.slice(0, count)]);
    expect(await seal(10_000)).toBe(0);
    expect(await seal(40_000)).toBe(1);
    expect(await calls()).toMatchObject([{ missing: ['agent'] }]);
  },
);

test('a worker that was cut off for the whole call, and tells of it afterwards', async () => {
  await ledger.record(events);
  expect(await seal(20_000)).toBe(0);
  await ledger.record(reports);
  expect(await seal(5_000)).toBe(1);
  const [call] = await calls();
  expect(call?.turns).toHaveLength(2);
  expect(call).not.toHaveProperty('missing');
});

test('who was answered has talked with an agent, though nobody has told of one', async () => {
  await ledger.record(events.filter((event) => !isAgents(event)));
  // An unanswered caller who gives up has not.
  const cancelled = await ledger.calls({ limit: 1 });
  expect(cancelled.data).toMatchObject([{ ending: { reason: 'cancelled' } }]);
  expect(outstanding(cancelled.data[0] as Call)).toEqual([]);
  const joined = events.find(
    ({ type, correlation }) => type === 'participant.joined' && correlation.sipCallId !== undefined,
  ) as CallEvent;
  await ledger.record([{ ...withSip(joined, { status: 'active' }), id: 'active' }]);
  expect(await seal(10_000)).toBe(0);
  expect(await seal(40_000)).toBe(1);
});

test('a leg of our own ingress, of which only webhooks tell, is waited for', async () => {
  await ledger.record([...events.map((event) => withSip(event, { ingress: 'sip' })), ...reports]);
  expect(await seal(10_000)).toBe(0);
  expect(await seal(40_000)).toBe(1);
  expect(await calls()).toMatchObject([{ ingress: 'sip', missing: ['ingress'] }]);
});

test('a caller whose connection was lost may come back until it is sealed', async () => {
  const lost = events.map((event) =>
    event.type === 'participant.left' && event.correlation.sipCallId !== undefined
      ? { ...event, data: { ...event.data, reason: 'connection_lost' as const } }
      : event,
  );
  await ledger.record([...lost, ...reports.filter(({ type }) => type !== 'agent.ended')]);
  const ended = { ...(reports.at(-1) as CallEvent), type: 'agent.ended' } as const;
  const data = { endedBy: 'system', endReason: 'service_lost' } as const;
  await ledger.record([{ ...ended, data }]);
  expect(await calls()).toMatchObject([{ ending: { reason: 'service_lost' } }]);
  expect(await seal(10_000)).toBe(0);
  expect(await seal(40_000)).toBe(1);
});

test('others who come and go in a room that stays open keep no record open', async () => {
  const open = [...events, ...reports].filter(({ type }) => type !== 'room.finished');
  await ledger.record(open);
  const visitor = { roomSid, roomName, participantSid: 'PA_visitor' };
  const data = { kind: 'other', identity: 'listener' } as const;
  const at = new Date().toISOString();
  await ledger.record([
    { id: 'EV_v', source: 'webhook', at, correlation: visitor, type: 'participant.joined', data },
  ]);
  expect(await seal(5_000)).toBe(1);
  expect(await calls()).toMatchObject([{ missing: ['room'] }]);
});

test('an open call is not sealed', async () => {
  await ledger.record(arrivals);
  expect(await seal(86_400_000)).toBe(0);
});

test('what comes after sealing is kept, flagged, and changes nothing', async () => {
  await ledger.record(events);
  await seal(40_000);
  const [before] = await calls();
  const recorded = await ledger.record(reports);
  expect(new Set(recorded.map(({ outcome }) => outcome))).toEqual(new Set(['late']));
  expect(await calls()).toEqual([before]);
  const { data } = await ledger.events(before?.id ?? '', { limit: 100 });
  expect(data.filter(({ late }) => late)).toHaveLength(reports.length);
  expect(data.map(({ sequence }) => sequence)).toEqual(data.map((_, index) => index + 1));
});
