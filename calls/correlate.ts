import type { Kysely } from 'kysely';
import type { CallEvent } from './events.ts';
import type { CallKey, LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;

/** Clocks differ: a room's first event may seem to come this much before its call, ms. */
const CLOCK_SKEW_MS = 5_000;

/**
 * The calls that an event names, the surest way first: `sip.callID` and the SIP participant's sid
 * name one call; a room may have had several; a room's name only counts with the time, because
 * names are used again. More than one: they are one call, as this event shows.
 */
export async function findCalls(db: Db, event: CallEvent): Promise<readonly string[]> {
  const exact = await callsByKey(db, legKeys(event));
  if (exact.length > 0 || isInboundLeg(event)) {
    return exact.length > 0 ? exact : await emptyCallInRoom(db, event);
  }
  const { roomSid, roomName, jobId } = event.correlation;
  for (const [kind, key] of [
    ['room', roomSid],
    ['job', jobId],
    // A name is a last resort: with a sid the call is found sooner or later.
    ['roomName', roomSid === undefined ? roomName : undefined],
  ] as const) {
    if (key === undefined) continue;
    const found = await callsByKey(db, [{ kind, key }]);
    const latest = await latestBefore(db, found, event.at, kind === 'roomName');
    if (latest !== undefined) return [latest];
  }
  return [];
}

/** What names the leg: its own ids, and a report's participant, which is the caller. */
function legKeys(event: CallEvent): readonly Omit<CallKey, 'callId'>[] {
  const { sipCallId, participantSid } = event.correlation;
  return [
    ...(sipCallId === undefined ? [] : [{ kind: 'sip', key: sipCallId } as const]),
    ...(participantSid === undefined
      ? []
      : [{ kind: 'participant', key: participantSid } as const]),
  ];
}

/** All that later events may know the call by. */
export function callKeys(event: CallEvent): readonly Omit<CallKey, 'callId'>[] {
  const { roomSid, roomName, jobId, sipCallId } = event.correlation;
  // An agent's or an observer's sid names nobody's leg, but its events belong to the same call.
  return [
    ...(isLeg(event) || sipCallId !== undefined ? legKeys(event) : []),
    ...(jobId === undefined ? [] : [{ kind: 'job', key: jobId } as const]),
    ...(roomSid === undefined ? [] : [{ kind: 'room', key: roomSid } as const]),
    ...(roomName === undefined ? [] : [{ kind: 'roomName', key: roomName } as const]),
  ];
}

/** Whether a call exists from this event on. */
export function isFounding(event: CallEvent): boolean {
  return isLeg(event) || event.type === 'call.found';
}

function isLeg(event: CallEvent): boolean {
  switch (event.type) {
    case 'leg.invited':
    case 'leg.answered':
    case 'leg.ended':
      return legKeys(event).length > 0;
    case 'participant.joined':
    case 'participant.left':
      return event.data.kind === 'sip' && legKeys(event).length > 0;
    default:
      return false;
  }
}

/** Somebody who calls in makes a call of their own; a leg that we dialled joins the room's call. */
function isInboundLeg(event: CallEvent): boolean {
  if (!isLeg(event)) return false;
  return !('kind' in event.data) || event.data.sip?.direction !== 'outbound';
}

/** An agent that was sent into the room ahead of its caller. */
async function emptyCallInRoom(db: Db, event: CallEvent): Promise<readonly string[]> {
  const { roomSid } = event.correlation;
  if (roomSid === undefined) return [];
  const found = await callsByKey(db, [{ kind: 'room', key: roomSid }]);
  if (found.length === 0) return [];
  const withLegs = await db
    .selectFrom('callKeys')
    .select('callId')
    .where('callId', 'in', found)
    .where('kind', 'in', ['sip', 'participant'])
    .execute();
  const taken = new Set(withLegs.map(({ callId }) => callId));
  return found.filter((callId) => !taken.has(callId)).slice(0, 1);
}

async function callsByKey(
  db: Db,
  keys: readonly Omit<CallKey, 'callId'>[],
): Promise<readonly string[]> {
  if (keys.length === 0) return [];
  const rows = await db
    .selectFrom('callKeys')
    .select('callId')
    .where((eb) =>
      eb.or(keys.map(({ kind, key }) => eb.and([eb('kind', '=', kind), eb('key', '=', key)]))),
    )
    .orderBy('callId')
    .execute();
  return [...new Set(rows.map(({ callId }) => callId))];
}

/** Of several calls in one room the last that had begun; of several rooms of one name as well. */
async function latestBefore(
  db: Db,
  callIds: readonly string[],
  at: string,
  strict: boolean,
): Promise<string | undefined> {
  if (callIds.length === 0) return undefined;
  if (callIds.length === 1 && !strict) return callIds[0];
  const rows = await db
    .selectFrom('calls')
    .select(['id', 'startedAt'])
    .where('id', 'in', callIds)
    .orderBy('startedAt', 'desc')
    .execute();
  const limit = new Date(Date.parse(at) + CLOCK_SKEW_MS).toISOString();
  const begun = rows.find(({ startedAt }) => startedAt <= limit);
  return begun?.id ?? (strict ? undefined : rows.at(-1)?.id);
}
