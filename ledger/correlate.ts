import {
  callKeys,
  isFounding,
  isNameOnly,
  legKeys,
  nameKeys,
  isLegEvent,
} from '../calls/belonging/event-keys.ts';
import type { CallEvent } from '../calls/events.ts';
import { findLeg } from '../calls/legs.ts';
import { beginningOf, byBegin, lastBegun } from '../calls/belonging/partition.ts';
import type { CallKey } from './sql/schema.ts';
import type { UnitOfWork } from './unit-of-work/unit-of-work.ts';

/** Where an event belongs, as far as it can be said without looking at all that is connected. */
export type Place =
  /** To that call, and nothing else changes. */
  | { readonly callId: string }
  /** It makes a call, or connects what was apart: `regroup` says. */
  | 'regroup'
  | 'unassigned';

/**
 * The call that an event belongs to, the surest way first: `sip.callID` and the SIP participant's
 * sid name one call; a room or a job may have had several, then the time counts; a room's name is
 * a last resort, because names are used again. `partition` says the same of whole histories.
 */
export async function findPlace(unit: UnitOfWork, event: CallEvent): Promise<Place> {
  if (isNameOnly(event)) {
    const callId = await callByName(unit, event);
    return callId === undefined ? 'unassigned' : { callId };
  }
  const keys = callKeys(event).filter(({ kind }) => kind !== 'roomName');
  const known = await unit.keys.find([...keys, ...legKeys(event)]);
  if (known.length === 0) return isFounding(event) ? 'regroup' : 'unassigned';
  const isKnown = (callId: string) =>
    keys.every(({ kind, key }) =>
      known.some((row) => row.kind === kind && row.key === key && row.callId === callId),
    );
  const named = [
    ...new Set(
      known.flatMap(({ kind, callId }) =>
        kind === 'sip' || kind === 'participant' ? [callId] : [],
      ),
    ),
  ];
  const all = [...new Set(known.map(({ callId }) => callId))];
  const candidates = named.length > 0 ? named : all;
  if (candidates.length > 1 && named.length === 0 && !isFounding(event)) {
    // What is no leg's moves nothing else: the calls' beginnings say whose it is.
    const callId = await callInRoom(unit, event, known);
    if (callId === undefined || !isKnown(callId)) return 'regroup';
    return (await hasName(unit, callId, event)) ? { callId } : 'regroup';
  }
  const [callId] = candidates;
  if (callId === undefined || candidates.length > 1 || !isKnown(callId)) return 'regroup';
  if (!(await hasName(unit, callId, event))) return 'regroup';
  if (named.length > 0 && !(await hasLeg(unit, callId, event))) return 'regroup';
  // A leg that began earlier than was known takes with it what happened in its room; and a job
  // may have been in a room of several calls.
  const tells = named.length > 0 || event.correlation.roomSid !== undefined;
  if (isFounding(event) || !tells) {
    return (await isAloneInItsRooms(unit, callId)) ? { callId } : 'regroup';
  }
  return { callId };
}

/** Of the calls in rooms of that name, the last that had begun. */
export async function callByName(unit: UnitOfWork, event: CallEvent): Promise<string | undefined> {
  const known = await unit.keys.find(nameKeys(event));
  const calls = await beginnings(
    unit,
    known.map(({ callId }) => callId),
  );
  return lastBegun(calls, event.at)?.callId;
}

async function callInRoom(
  unit: UnitOfWork,
  event: CallEvent,
  known: readonly CallKey[],
): Promise<string | undefined> {
  const { roomSid } = event.correlation;
  const inRoom = known.filter(({ kind, key }) => kind === 'room' && key === roomSid);
  const calls = await beginnings(
    unit,
    inRoom.map(({ callId }) => callId),
  );
  return (lastBegun(calls, event.at) ?? calls[0])?.callId;
}

/**
 * Whether the call has the leg that the event names. A report may have named it before anything
 * said that it is there; then it is not known yet whose it is.
 */
async function hasLeg(unit: UnitOfWork, callId: string, event: CallEvent): Promise<boolean> {
  const { sipCallId, participantSid } = event.correlation;
  const known = await unit.call(callId);
  const leg = known && findLeg(known.call, event.correlation);
  if (leg === undefined || !isLegEvent(event)) return leg !== undefined;
  const isSame = sipCallId === undefined || leg.sipCallId === sipCallId;
  const hasStay =
    participantSid === undefined ||
    leg.stays.some((stay) => stay.participantSid === participantSid);
  return isSame && hasStay;
}

/** Whether the call is known by the room's name that the event says, if it says one. */
async function hasName(unit: UnitOfWork, callId: string, event: CallEvent): Promise<boolean> {
  const names = nameKeys(event);
  const known = await unit.keys.find(names);
  return names.length === 0 || known.some((key) => key.callId === callId);
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
