import type { Kysely } from 'kysely';
import { ulid } from 'ulid';
import type { Call } from './call.ts';
import { callKeys, findCalls, isFounding } from './correlate.ts';
import type { CallEvent } from './events.ts';
import { fold } from './fold.ts';
import type { Recorded } from './ledger.ts';
import type { CallRow, EventRow, LedgerSchema, NewCallRow } from './schema.ts';
import { newCall, transition } from './transition.ts';

type Db = Kysely<LedgerSchema>;

/**
 * Stores the event (once, by its id), finds its call, and folds it in. Within a transaction: all
 * of that or none.
 */
export async function recordEvent(tx: Db, event: CallEvent): Promise<Recorded> {
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

  const found = await findCalls(tx, event);
  const [callId, ...others] = found;
  if (callId === undefined && !isFounding(event))
    return { eventId: event.id, outcome: 'unassigned' };
  const row = callId === undefined ? undefined : await loadRow(tx, callId);
  if (row !== undefined && row.sealedAt !== null) {
    await assign(tx, row.id, row.lastSequence, [event.id], true);
    await touch(tx, row, row.lastSequence + 1, now);
    return { eventId: event.id, outcome: 'late', callId: row.id };
  }

  const id = row?.id ?? `call_${ulid(Date.parse(event.at))}`;
  const merged = await absorb(tx, id, others);
  const newKeys = await addKeys(tx, id, event);
  const adopted = newKeys ? await orphans(tx, event) : [];
  const lastSequence = row?.lastSequence ?? 0;
  const events = [event.id, ...merged, ...adopted.filter((orphan) => orphan !== event.id)];
  await assign(tx, id, lastSequence, events, false);

  const before = row ? callOf(row) : newCall(id, event);
  const next = transition(before, event);
  const inOrder = events.length === 1 && next.ignored !== 'stale';
  const call = inOrder ? next.call : await refold(tx, id, before);
  await saveCall(tx, call, lastSequence + events.length, now);
  const outcome = next.ignored === 'no_effect' ? 'no_effect' : 'applied';
  return { eventId: event.id, outcome, callId: id };
}

/** Calls that turn out to be this one: their events become its own. Sealed ones are left alone. */
async function absorb(tx: Db, callId: string, others: readonly string[]): Promise<string[]> {
  const events: string[] = [];
  for (const other of others) {
    const row = await loadRow(tx, other);
    if (row === undefined || row.sealedAt !== null) continue;
    const theirs = await tx
      .selectFrom('events')
      .select('id')
      .where('callId', '=', other)
      .orderBy('sequence')
      .execute();
    const keys = await tx
      .deleteFrom('callKeys')
      .where('callId', '=', other)
      .returningAll()
      .execute();
    await tx
      .insertInto('callKeys')
      .values(keys.map((key) => ({ ...key, callId })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    await tx.deleteFrom('calls').where('id', '=', other).execute();
    events.push(...theirs.map(({ id }) => id));
  }
  return events;
}

/** True when the event names the call in a way that was not known. */
async function addKeys(tx: Db, callId: string, event: CallEvent): Promise<boolean> {
  const keys = callKeys(event).map((key) => ({ ...key, callId }));
  if (keys.length === 0) return false;
  const { numInsertedOrUpdatedRows = 0n } = await tx
    .insertInto('callKeys')
    .values(keys)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows > 0n;
}

/** Events that came before anybody knew which call they belong to. */
async function orphans(tx: Db, event: CallEvent): Promise<string[]> {
  const { sipCallId, participantSid, roomSid, jobId } = event.correlation;
  const rows = await tx
    .selectFrom('events')
    .select('id')
    .where('callId', 'is', null)
    .where((eb) =>
      eb.or([
        ...(sipCallId === undefined ? [] : [eb('sipCallId', '=', sipCallId)]),
        ...(participantSid === undefined ? [] : [eb('participantSid', '=', participantSid)]),
        ...(roomSid === undefined ? [] : [eb('roomSid', '=', roomSid)]),
        ...(jobId === undefined ? [] : [eb('jobId', '=', jobId)]),
      ]),
    )
    .orderBy('position')
    .execute();
  return rows.map(({ id }) => id);
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
): Promise<void> {
  const row: NewCallRow = {
    id: call.id,
    state: call.state,
    direction: call.direction,
    line: text(call.line),
    fromNumber: text(call.from),
    toNumber: text(call.to),
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
}

/** A header's value may hold anything; PostgreSQL's text takes no NUL. */
function text(value: string | undefined): string | null {
  return value?.replaceAll('\0', '') ?? null;
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
