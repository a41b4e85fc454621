import type { CallEvent } from '../events.ts';
import { idsOf, isLegEvent, nameOf } from './event-keys.ts';
import { CLOCK_SKEW_MS } from '../plausible-time.ts';

/** Events that say that a leg, and so a call, is there. */
export const FOUNDING_TYPES = [
  'leg.invited',
  'leg.answered',
  'leg.ended',
  'participant.joined',
  'participant.left',
  'call.found',
  'call.requested',
] as const satisfies readonly CallEvent['type'][];

export interface CallGroup<T> {
  /** The earliest that its legs tell of, ms since 1970. */
  readonly begunAt: number;
  /** Orders calls that begin at the same time. */
  readonly key: string;
  /** Somebody called in, or may. */
  readonly inbound: boolean;
  /** What makes it a call: the events of its legs, or `call.found`. */
  readonly founders: readonly T[];
  readonly others: readonly T[];
}

interface Group<T> {
  begunAt: number;
  readonly key: string;
  readonly rooms: Set<string>;
  readonly inbound: boolean;
  readonly founders: T[];
  readonly others: T[];
}

/**
 * Which events make one call. Pure, and the same for any order of the events:
 *
 * - `sip.callID` and the sid of its participant make a leg; somebody who calls in is a call
 * - a leg that we dialled belongs to the call that its room had then or was made for, or is a call
 * - an agent alone in a room (`call.found`) is a call until a leg comes into that room
 * - all else belongs to the leg that it names, or to the call that its room (or its job's room) had
 *   at that time: the last that had begun, or the first
 *
 * @param items events that are connected by ids; rooms' names do not count here
 * @example partition([{ event: joined }, { event: transferLeg }]).calls.length; // 1: both were in one room
 */
export function partition<T extends { readonly event: CallEvent }>(
  items: readonly T[],
): { readonly calls: readonly CallGroup<T>[]; readonly rest: readonly T[] } {
  const legs = legsOf(items);
  for (const { event } of items) {
    const { roomSid } = event.correlation;
    for (const key of legNames(event)) {
      if (roomSid !== undefined) legs.get(key)?.rooms.add(roomSid);
    }
  }
  const calls = [...new Set(legs.values())].filter(({ inbound }) => inbound);
  const dialled = [
    ...[...new Set(legs.values())].filter(({ inbound }) => !inbound),
    ...items.filter(({ event }) => event.type === 'call.requested').flatMap(ofRoom),
  ].sort(byBegin);
  const callOf = new Map<Group<T>, Group<T>>(calls.map((call) => [call, call]));
  for (const leg of dialled) {
    const inRoom = calls.filter(({ rooms }) => !rooms.isDisjointFrom(leg.rooms)).sort(byBegin);
    const call =
      inRoom.findLast((call) => call.inbound && call.begunAt <= leg.begunAt + CLOCK_SKEW_MS) ??
      inRoom.find(({ inbound }) => !inbound);
    callOf.set(leg, call ?? leg);
    if (call === undefined) calls.push(leg);
    else {
      call.founders.push(...leg.founders);
      for (const room of leg.rooms) call.rooms.add(room);
    }
  }
  for (const found of items.filter(({ event }) => event.type === 'call.found').flatMap(ofRoom)) {
    if (calls.every(({ rooms }) => rooms.isDisjointFrom(found.rooms))) calls.push(found);
  }

  calls.sort(byBegin);
  const founders = new Set(calls.flatMap((call) => call.founders));
  const roomOfJob = roomsOfJobs(items);
  const rest: T[] = [];
  for (const item of items) {
    if (founders.has(item)) continue;
    const { correlation, at } = item.event;
    const leg = legNames(item.event)
      .map((key) => legs.get(key))
      .find(Boolean);
    const room = correlation.roomSid ?? roomOfJob.get(correlation.jobId ?? '');
    const inRoom = calls.filter(({ rooms }) => room !== undefined && rooms.has(room));
    const call = (leg && callOf.get(leg)) ?? lastBegun(inRoom, at) ?? inRoom[0];
    (call?.others ?? rest).push(item);
  }
  return { calls, rest };
}

/**
 * Where a call begins, by what founded it alone. What shows that its legs were in one room may be
 * among its other events, so they may look like several calls here.
 */
export function beginningOf(founders: readonly { readonly event: CallEvent }[]): Begun | undefined {
  const { calls } = partition(founders);
  const isFound = ({ founders: [first] }: (typeof calls)[number]) =>
    first?.event.type === 'call.found';
  return (
    calls.find((call) => call.inbound && !isFound(call)) ??
    calls.find(({ inbound }) => !inbound) ??
    calls[0]
  );
}

type Begun = Pick<CallGroup<unknown>, 'begunAt' | 'key'>;

/** The last of them, in order, that had begun. */
export function lastBegun<C extends { readonly begunAt: number }>(
  calls: readonly C[],
  at: string,
): C | undefined {
  const limit = Date.parse(at) + CLOCK_SKEW_MS;
  return calls.findLast(({ begunAt }) => begunAt <= limit);
}

/** A call that is known by its room, before it has a leg. */
function ofRoom<T extends { readonly event: CallEvent }>(item: T): Group<T>[] {
  const { at, type, correlation } = item.event;
  const { roomSid } = correlation;
  if (roomSid === undefined) return [];
  return [
    {
      begunAt: Date.parse(at),
      key: roomSid,
      rooms: new Set([roomSid]),
      inbound: type === 'call.found',
      founders: [item],
      others: [],
    },
  ];
}

/** Legs by everything that names them. */
function legsOf<T extends { readonly event: CallEvent }>(
  items: readonly T[],
): Map<string, Group<T>> {
  const sets = new Map<string, { keys: Set<string>; items: T[] }>();
  for (const item of items) {
    const { event } = item;
    const keys = isLegEvent(event) || event.correlation.sipCallId ? legNames(event) : [];
    if (keys.length === 0) continue;
    const known = new Set(keys.flatMap((key) => sets.get(key) ?? []));
    const merged = { keys: new Set(keys), items: [item] };
    for (const set of known) {
      for (const key of set.keys) merged.keys.add(key);
      merged.items.push(...set.items);
    }
    for (const key of merged.keys) sets.set(key, merged);
  }
  const legs = new Map<string, Group<T>>();
  for (const { keys, items: named } of new Set(sets.values())) {
    const founders = named.filter(({ event }) => isLegEvent(event));
    if (founders.length === 0) continue;
    const leg: Group<T> = {
      begunAt: Math.min(...founders.map(({ event }) => begunAt(event))),
      key: [...keys].sort()[0] ?? '',
      rooms: new Set(),
      inbound: !isDialled(founders.map(({ event }) => event)),
      founders,
      others: [],
    };
    for (const key of keys) legs.set(key, leg);
  }
  return legs;
}

const legNames = ({ correlation }: CallEvent) => idsOf(correlation).leg.map(nameOf);

/** An ingress invites nobody; livekit-sip says of its participants which way they came. */
function isDialled(founders: readonly CallEvent[]): boolean {
  if (founders.some(({ type }) => type === 'leg.invited')) return false;
  const directions = founders.flatMap(({ data }) =>
    'kind' in data ? (data.sip?.direction ?? []) : [],
  );
  return directions.includes('outbound') && !directions.includes('inbound');
}

function begunAt({ at, data }: CallEvent): number {
  return Date.parse(('kind' in data ? data.joinedAt : undefined) ?? at);
}

/** A job has one room. */
function roomsOfJobs(items: readonly { readonly event: CallEvent }[]): Map<string, string> {
  const rooms = new Map<string, string>();
  for (const { event } of items) {
    const { jobId, roomSid } = event.correlation;
    if (jobId === undefined || roomSid === undefined) continue;
    const known = rooms.get(jobId);
    if (known === undefined || roomSid < known) rooms.set(jobId, roomSid);
  }
  return rooms;
}

/** The order that `lastBegun` takes. */
export function byBegin(a: Begun, b: Begun): number {
  return a.begunAt - b.begunAt || (a.key < b.key ? -1 : 1);
}
