import { nameOf } from '../calls/belonging/event-keys.ts';
import type { EventKeys } from '../calls/belonging/event-keys.ts';
import type { Key } from '../calls/belonging/key.ts';
import type { CallEvent } from '../calls/events.ts';
import { beginningOf, byBegin, lastBegun } from '../calls/belonging/partition.ts';
import type { UnitOfWork } from './unit-of-work/unit-of-work.ts';

/** Where an event belongs. */
export type Place =
  /** To that call, and nothing else changes. */
  | { readonly callId: string }
  /** It makes a call, or connects what was apart: `regroup` asks `partition`. */
  | 'regroup'
  | 'unassigned';

/**
 * Whose an event is that is connected with one call only and connects nothing: `partition` could say
 * nothing else, and need not read the whole call. What names only a room, whose name others may have
 * had, goes to the last of them that had begun.
 */
export async function findPlace(
  unit: UnitOfWork,
  event: CallEvent,
  keys: EventKeys,
): Promise<Place> {
  if (keys.isNameOnly) {
    const callId = await callByName(unit, event, keys);
    return callId === undefined ? 'unassigned' : { callId };
  }
  const known = await unit.keys.find(keys.ids);
  const [callId, ...others] = new Set(known.map((key) => key.callId));
  if (callId === undefined) return keys.isFounding ? 'regroup' : 'unassigned';
  const changes =
    others.length > 0 ||
    !(await isKnownBy(unit, callId, keys.ofCall)) ||
    !(await isAloneInItsRooms(unit, callId)) ||
    (keys.isFounding && !(keys.isOfLeg && (await hasOnlyItsLeg(unit, callId, event))));
  return changes ? 'regroup' : { callId };
}

/** Of the calls in rooms of that name, the last that had begun. */
export async function callByName(
  unit: UnitOfWork,
  event: CallEvent,
  { names }: EventKeys,
): Promise<string | undefined> {
  const known = await unit.keys.find(names);
  const calls = await beginnings(
    unit,
    known.map(({ callId }) => callId),
  );
  return lastBegun(calls, event.at)?.callId;
}

async function isKnownBy(unit: UnitOfWork, callId: string, keys: readonly Key[]): Promise<boolean> {
  const known = (await unit.keys.find(keys)).filter((key) => key.callId === callId);
  const names = new Set(known.map(nameOf));
  return keys.every((key) => names.has(nameOf(key)));
}

/**
 * Whether the call's only leg is the event's. A report may have named a leg before
 * anything said that it is there; then it is not known yet whose it is.
 */
async function hasOnlyItsLeg(unit: UnitOfWork, callId: string, event: CallEvent): Promise<boolean> {
  const { sipCallId, participantSid } = event.correlation;
  const [leg, ...others] = (await unit.call(callId))?.call.legs ?? [];
  if (leg === undefined || others.length > 0) return false;
  const isSame = sipCallId === undefined || leg.sipCallId === sipCallId;
  const hasStay =
    participantSid === undefined ||
    leg.stays.some((stay) => stay.participantSid === participantSid);
  return isSame && hasStay;
}

/** The names of the rooms that the call has been in. */
export async function roomNamesOf(unit: UnitOfWork, callId: string): Promise<readonly string[]> {
  const keys = await unit.keys.of([callId]);
  return keys.flatMap(({ kind, key }) => (kind === 'roomName' ? [key] : []));
}

async function isAloneInItsRooms(unit: UnitOfWork, callId: string): Promise<boolean> {
  const rooms = (await unit.keys.of([callId])).filter(({ kind }) => kind === 'room');
  return (await unit.keys.find(rooms)).every((key) => key.callId === callId);
}

/** When calls began, by what founded them; earliest first. */
async function beginnings(
  unit: UnitOfWork,
  callIds: readonly string[],
): Promise<readonly { readonly callId: string; readonly begunAt: number }[]> {
  const calls = Map.groupBy(await unit.events.foundersOf(callIds), ({ callId }) => callId ?? '');
  return [...calls]
    .flatMap(([callId, entries]) => {
      const begun = beginningOf(entries);
      return begun === undefined ? [] : { callId, ...begun };
    })
    .sort(byBegin);
}
