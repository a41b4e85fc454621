import type { Kysely } from 'kysely';
import type { Call } from './call.ts';
import { callByName, callKeys, findPlace, isFounding, roomNamesOf } from './correlate.ts';
import type { CallEvent } from './events.ts';
import { fold } from './fold.ts';
import type { Recorded } from './ledger.ts';
import type { CallChanges } from './outbox-publish.ts';
import { withoutPerson } from './redact.ts';
import type { Regrouping } from './regroup.ts';
import { regroup } from './regroup.ts';
import type { CallKey, CallRow, EventRow, LedgerSchema, NewCallRow } from './schema.ts';
import { transition } from './transition.ts';

type Db = Kysely<LedgerSchema>;

/**
 * Stores the event (once, by its id), finds its call, and folds it in. Within a transaction: all
 * of that or none.
 *
 * @param changes is told of every record that is another one now
 */
export async function recordEvent(
  tx: Db,
  event: CallEvent,
  changes: CallChanges,
): Promise<Recorded> {
  const now = new Date().toISOString();
  const { sipCallId, participantSid, roomSid, roomName, jobId } = event.correlation;
  const inserted = await tx
    .insertInto('events')
    .values({
      id: event.id,
      callId: null,
      sequence: null,
      type: event.type,
      at: event.at,
      receivedAt: now,
      late: 0,
      sipCallId: sipCallId ?? null,
      participantSid: participantSid ?? null,
      roomSid: roomSid ?? null,
      roomName: roomName ?? null,
      jobId: jobId ?? null,
      body: JSON.stringify(event),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  if (inserted.numInsertedOrUpdatedRows === 0n) return { eventId: event.id, outcome: 'duplicate' };

  const place = await findPlace(tx, event);
  if (place === 'unassigned') return { eventId: event.id, outcome: 'unassigned' };
  if (place !== 'regroup') {
    const recorded = await append(tx, place.callId, event, now, changes);
    // The call may begin earlier than was known.
    if (isFounding(event)) {
      await settleNames(tx, await roomNamesOf(tx, place.callId), now, changes);
    }
    return recorded;
  }
  const regrouping = await regroup(tx, event);
  await settle(tx, regrouping, now, changes);
  await settleNames(tx, regrouping.roomNames, now, changes);
  const { callId, late } = await tx
    .selectFrom('events')
    .select(['callId', 'late'])
    .where('id', '=', event.id)
    .executeTakeFirstOrThrow();
  if (callId === null) return { eventId: event.id, outcome: 'unassigned' };
  return { eventId: event.id, outcome: late === 1 ? 'late' : 'applied', callId };
}

/** One more event of a call that is known. */
async function append(
  tx: Db,
  callId: string,
  event: CallEvent,
  now: string,
  changes: CallChanges,
): Promise<Recorded> {
  const row = await loadRow(tx, callId);
  if (row === undefined) throw new Error('a key names a call that is not there');
  const [kept = event] = row.erasedAt === null ? [] : await scrub(tx, [event]);
  const isLate = row.sealedAt !== null;
  await assign(tx, callId, row.lastSequence, [event.id], isLate);
  if (isLate) {
    await touch(tx, row, row.lastSequence + 1, now);
    return { eventId: event.id, outcome: 'late', callId };
  }
  const before = callOf(row);
  const next = transition(before, kept);
  const call = next.ignored === 'stale' ? await refold(tx, callId, before) : next.call;
  await saveCall(tx, call, row.lastSequence + 1, now, changes);
  const outcome = next.ignored === 'no_effect' ? 'no_effect' : 'applied';
  return { eventId: event.id, outcome, callId };
}

/** Puts the events where they belong, and folds the calls that gained or lost any. */
async function settle(
  tx: Db,
  { calls, late, emptied, moved }: Regrouping,
  now: string,
  changes: CallChanges,
): Promise<void> {
  for (const { callId, event } of late) await append(tx, callId, event, now, changes);
  const stale = [...emptied, ...(moved ? calls.map(({ id }) => id) : [])];
  if (stale.length > 0) await tx.deleteFrom('callKeys').where('callId', 'in', stale).execute();
  for (const { id, events, gained } of calls) {
    const row = await loadRow(tx, id);
    const lastSequence = row?.lastSequence ?? 0;
    const ids = gained.map((event) => event.id);
    await assign(tx, id, lastSequence, ids, false);
    const erased = row !== undefined && row.erasedAt !== null;
    const kept = erased ? await scrub(tx, events) : events;
    const fresh = new Set(ids);
    await addKeys(
      tx,
      id,
      kept.filter((event) => moved || fresh.has(event.id)),
    );
    const call = fold(id, kept);
    if (call !== undefined) await saveCall(tx, call, lastSequence + ids.length, now, changes);
  }
  for (const id of emptied) {
    await removeCall(tx, id);
    changes.emptied(id);
  }
}

/**
 * Events that name nothing but their room's name: the calls of that name, or their beginnings,
 * may be others now.
 */
async function settleNames(
  tx: Db,
  roomNames: readonly string[],
  now: string,
  changes: CallChanges,
): Promise<void> {
  if (roomNames.length === 0) return;
  const rows = await tx
    .selectFrom('events')
    .select(['id', 'callId', 'body'])
    .where('roomName', 'in', roomNames)
    .where('roomSid', 'is', null)
    .where('sipCallId', 'is', null)
    .where('participantSid', 'is', null)
    .where('jobId', 'is', null)
    .where('late', '=', 0)
    .orderBy('position')
    .execute();
  for (const row of rows) {
    const named = eventOf(row);
    const callId = await callByName(tx, named);
    if (callId === (row.callId ?? undefined)) continue;
    const before = row.callId === null ? undefined : await loadRow(tx, row.callId);
    if (before !== undefined && before.sealedAt !== null) continue;
    if (callId !== undefined) await append(tx, callId, named, now, changes);
    else await unassign(tx, named.id);
    if (before === undefined) continue;
    const call = await refold(tx, before.id, callOf(before));
    await saveCall(tx, call, before.lastSequence, now, changes);
  }
}

async function unassign(tx: Db, eventId: string): Promise<void> {
  await tx
    .updateTable('events')
    .set({ callId: null, sequence: null })
    .where('id', '=', eventId)
    .execute();
}

async function addKeys(tx: Db, callId: string, events: readonly CallEvent[]): Promise<void> {
  const keys = new Map<string, CallKey>();
  for (const { kind, key } of events.flatMap(callKeys)) {
    keys.set(`${kind} ${key}`, { kind, key, callId });
  }
  if (keys.size === 0) return;
  await tx
    .insertInto('callKeys')
    .values([...keys.values()])
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** A person was removed from the call: what comes after that is not kept either. */
async function scrub(tx: Db, events: readonly CallEvent[]): Promise<readonly CallEvent[]> {
  const scrubbed = events.map(withoutPerson);
  for (const event of scrubbed) {
    await tx
      .updateTable('events')
      .set({ body: JSON.stringify(event), roomName: null })
      .where('id', '=', event.id)
      .execute();
  }
  return scrubbed;
}

async function removeCall(tx: Db, id: string): Promise<void> {
  await tx
    .updateTable('events')
    .set({ callId: null, sequence: null })
    .where('callId', '=', id)
    .execute();
  await tx.deleteFrom('calls').where('id', '=', id).execute();
}

async function assign(
  tx: Db,
  callId: string,
  lastSequence: number,
  eventIds: readonly string[],
  late: boolean,
): Promise<void> {
  let sequence = lastSequence;
  for (const id of eventIds) {
    sequence += 1;
    await tx
      .updateTable('events')
      .set({ callId, sequence, late: late ? 1 : 0 })
      .where('id', '=', id)
      .execute();
  }
}

async function refold(tx: Db, callId: string, fallback: Call): Promise<Call> {
  const rows = await tx
    .selectFrom('events')
    .select('body')
    .where('callId', '=', callId)
    .where('late', '=', 0)
    .execute();
  return fold(callId, rows.map(eventOf)) ?? fallback;
}

export async function saveCall(
  tx: Db,
  call: Call,
  lastSequence: number,
  touchedAt: string,
  changes: CallChanges,
): Promise<void> {
  const row: NewCallRow = {
    id: call.id,
    state: call.state,
    direction: call.direction,
    line: call.line ?? null,
    fromNumber: call.from ?? null,
    toNumber: call.to ?? null,
    startedAt: call.startedAt,
    endedAt: call.endedAt ?? null,
    sealedAt: call.sealedAt ?? null,
    touchedAt,
    lastSequence,
    record: JSON.stringify(call),
  };
  const { id: _key, ...columns } = row;
  await tx
    .insertInto('calls')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
    .execute();
  changes.saved(call);
}

async function touch(tx: Db, row: CallRow, lastSequence: number, touchedAt: string): Promise<void> {
  await tx.updateTable('calls').set({ lastSequence, touchedAt }).where('id', '=', row.id).execute();
}

async function loadRow(tx: Db, id: string): Promise<CallRow | undefined> {
  return tx.selectFrom('calls').selectAll().where('id', '=', id).executeTakeFirst();
}

export const callOf = ({ record }: Pick<CallRow, 'record'>): Call => JSON.parse(record) as Call;
export const eventOf = ({ body }: Pick<EventRow, 'body'>): CallEvent =>
  JSON.parse(body) as CallEvent;
