import type { Kysely } from 'kysely';
import type { Call } from './call.ts';
import type { CallEvent } from './events.ts';
import { findLeg } from './legs.ts';
import { FOUNDING_TYPES, beginningOf, byBegin, isLegEvent, lastBegun } from './partition.ts';
import type { CallKey, LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;
export type Key = Omit<CallKey, 'callId'>;

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
export async function findPlace(db: Db, event: CallEvent): Promise<Place> {
  if (isNameOnly(event)) {
    const callId = await callByName(db, event);
    return callId === undefined ? 'unassigned' : { callId };
  }
  const keys = callKeys(event).filter(({ kind }) => kind !== 'roomName');
  const known = await callsByKey(db, [...keys, ...legKeys(event)]);
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
    const callId = await callInRoom(db, event, known);
    if (callId === undefined || !isKnown(callId)) return 'regroup';
    return (await hasName(db, callId, event)) ? { callId } : 'regroup';
  }
  const [callId] = candidates;
  if (callId === undefined || candidates.length > 1 || !isKnown(callId)) return 'regroup';
  if (!(await hasName(db, callId, event))) return 'regroup';
  if (named.length > 0 && !(await hasLeg(db, callId, event))) return 'regroup';
  // A leg that began earlier than was known takes with it what happened in its room; and a job
  // may have been in a room of several calls.
  const tells = named.length > 0 || event.correlation.roomSid !== undefined;
  if (isFounding(event) || !tells) {
    return (await isAloneInItsRooms(db, callId)) ? { callId } : 'regroup';
  }
  return { callId };
}

/** All that later events may know the call by. */
export function callKeys(event: CallEvent): readonly Key[] {
  const { roomSid, roomName, jobId, sipCallId } = event.correlation;
  if (isNameOnly(event)) return [];
  // An agent's or an observer's sid names nobody's leg, but its events belong to the same call.
  return [
    ...(isLegEvent(event) || sipCallId !== undefined ? legKeys(event) : []),
    ...(jobId === undefined ? [] : [{ kind: 'job', key: jobId } as const]),
    ...(roomSid === undefined ? [] : [{ kind: 'room', key: roomSid } as const]),
    ...(roomName === undefined ? [] : [{ kind: 'roomName', key: roomName } as const]),
  ];
}

/** All that the event may be found by, whether or not it names a call. */
export function lookupKeys(event: CallEvent): readonly Key[] {
  return [...callKeys(event), ...legKeys(event)];
}

function legKeys({ correlation: { sipCallId, participantSid } }: CallEvent): readonly Key[] {
  return [
    ...(sipCallId === undefined ? [] : [{ kind: 'sip', key: sipCallId } as const]),
    ...(participantSid === undefined
      ? []
      : [{ kind: 'participant', key: participantSid } as const]),
  ];
}

/** Whether a call exists from this event on. */
export function isFounding(event: CallEvent): boolean {
  return isLegEvent(event) || event.type === 'call.found' || event.type === 'call.requested';
}

/** It says nothing but a room's name, which several rooms may have had. */
function isNameOnly({ correlation }: CallEvent): boolean {
  const { roomName, roomSid, sipCallId, participantSid, jobId } = correlation;
  return roomName !== undefined && (roomSid ?? sipCallId ?? participantSid ?? jobId) === undefined;
}

/** Of the calls in rooms of that name, the last that had begun. */
export async function callByName(db: Db, event: CallEvent): Promise<string | undefined> {
  const key = event.correlation.roomName ?? '';
  const known = await callsByKey(db, [{ kind: 'roomName', key }]);
  const calls = await beginnings(
    db,
    known.map(({ callId }) => callId),
  );
  return lastBegun(calls, event.at)?.callId;
}

async function callInRoom(
  db: Db,
  event: CallEvent,
  known: readonly CallKey[],
): Promise<string | undefined> {
  const { roomSid } = event.correlation;
  const inRoom = known.filter(({ kind, key }) => kind === 'room' && key === roomSid);
  const calls = await beginnings(
    db,
    inRoom.map(({ callId }) => callId),
  );
  return (lastBegun(calls, event.at) ?? calls[0])?.callId;
}

export async function callsByKey(db: Db, keys: readonly Key[]): Promise<readonly CallKey[]> {
  if (keys.length === 0) return [];
  return db
    .selectFrom('callKeys')
    .selectAll()
    .where((eb) =>
      eb.or(keys.map(({ kind, key }) => eb.and([eb('kind', '=', kind), eb('key', '=', key)]))),
    )
    .orderBy('callId')
    .execute();
}

/**
 * Whether the call has the leg that the event names. A report may have named it before anything
 * said that it is there; then it is not known yet whose it is.
 */
async function hasLeg(db: Db, callId: string, event: CallEvent): Promise<boolean> {
  const row = await db
    .selectFrom('calls')
    .select('record')
    .where('id', '=', callId)
    .executeTakeFirst();
  const { sipCallId, participantSid } = event.correlation;
  const leg = row && findLeg(JSON.parse(row.record) as Call, event.correlation);
  if (leg === undefined || !isLegEvent(event)) return leg !== undefined;
  const isSame = sipCallId === undefined || leg.sipCallId === sipCallId;
  const hasStay =
    participantSid === undefined ||
    leg.stays.some((stay) => stay.participantSid === participantSid);
  return isSame && hasStay;
}

/** Whether the call is known by the room's name that the event says, if it says one. */
async function hasName(db: Db, callId: string, event: CallEvent): Promise<boolean> {
  const { roomName } = event.correlation;
  if (roomName === undefined) return true;
  const row = await db
    .selectFrom('callKeys')
    .select('callId')
    .where('kind', '=', 'roomName')
    .where('key', '=', roomName)
    .where('callId', '=', callId)
    .executeTakeFirst();
  return row !== undefined;
}

/** The names of the rooms that the call has been in. */
export async function roomNamesOf(db: Db, callId: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('callKeys')
    .select('key')
    .where('callId', '=', callId)
    .where('kind', '=', 'roomName')
    .execute();
  return rows.map(({ key }) => key);
}

async function isAloneInItsRooms(db: Db, callId: string): Promise<boolean> {
  const rooms = db
    .selectFrom('callKeys')
    .select('key')
    .where('callId', '=', callId)
    .where('kind', '=', 'room');
  const other = await db
    .selectFrom('callKeys')
    .select('callId')
    .where('kind', '=', 'room')
    .where('key', 'in', rooms)
    .where('callId', '!=', callId)
    .limit(1)
    .executeTakeFirst();
  return other === undefined;
}

/** When calls began, by what founded them; earliest first. */
async function beginnings(
  db: Db,
  callIds: readonly string[],
): Promise<readonly { readonly callId: string; readonly begunAt: number }[]> {
  const found = await foundersOf(db, callIds);
  const calls = Map.groupBy(found, ({ callId }) => callId);
  return [...calls]
    .flatMap(([callId, items]) => {
      const begun = beginningOf(items);
      return begun === undefined ? [] : { callId, ...begun };
    })
    .sort(byBegin);
}

/** The events that made these calls, which are few. */
export async function foundersOf(
  db: Db,
  callIds: readonly string[],
): Promise<readonly { readonly callId: string; readonly event: CallEvent }[]> {
  if (callIds.length === 0) return [];
  const rows = await db
    .selectFrom('events')
    .select(['callId', 'body'])
    .where('callId', 'in', callIds)
    .where('type', 'in', FOUNDING_TYPES)
    .where('late', '=', 0)
    .orderBy('position')
    .execute();
  return rows.map(({ callId, body }) => ({
    callId: callId ?? '',
    event: JSON.parse(body) as CallEvent,
  }));
}
