import { monotonicFactory } from 'ulid';
import type { CallChanges } from '../../ledger/call-changes.ts';
import { rowLists, valueLists } from '../../ledger/sql/lists.ts';
import type { NewPublicEventRow, OutboxDb, PublicEventRow } from './outbox-schema.ts';
import type { Fact, PublicEvent, PublicEventType } from './public-events.ts';
import { factsOf, lateFactsOf, matchesType } from './public-events.ts';

/** In order within a millisecond too, for which `ulid` does not ask for randomness once a character. */
const ulid = monotonicFactory();

/**
 * Writes what the changes have to tell and the deliveries that follow from it. The last thing that
 * a transaction does. How many were written.
 *
 * @param lock makes this the only transaction that publishes until it ends. PostgreSQL hands out
 *   an identity before the commit, so without it a reader could see position 8 before 7 and, when
 *   it resumes after 8, never see 7. A lock costs less than any rule about settled positions; it
 *   is taken last, when all rows are locked already, so that nobody can wait in a circle.
 */
export async function publishChanges(
  tx: OutboxDb,
  changes: CallChanges,
  lock?: (tx: OutboxDb) => Promise<void>,
): Promise<number> {
  const callIds = [...new Set([...changes.calls.keys(), ...changes.lateEvents.keys()])];
  const told = await tellings(tx, callIds);
  const rows: NewPublicEventRow[] = [];
  for (const callId of callIds) {
    const before = told.get(callId);
    const keys = new Set(before?.keys);
    let sequence = before?.last ?? 0;
    for (const { key, type, timestamp, data } of factsAbout(callId, changes, before)) {
      if (keys.has(key)) continue;
      keys.add(key);
      sequence += 1;
      rows.push({
        id: `evt_${ulid()}`,
        type,
        callId,
        sequence,
        key,
        timestamp,
        data: JSON.stringify(data()),
      });
    }
  }
  if (rows.length === 0) return 0;
  if (lock !== undefined) {
    // Before, so that nobody waits for us while we wait for somebody who is sending.
    await waitForStreams(tx, callIds);
    await lock(tx);
  }
  await insertEvents(tx, rows);
  return rows.length;
}

function factsAbout(callId: string, changes: CallChanges, before: Told | undefined): Fact[] {
  const late = lateFactsOf(changes.lateEvents.get(callId) ?? []);
  if (!changes.calls.has(callId)) return late;
  const call = changes.calls.get(callId);
  if (call !== undefined) return [...factsOf(call, changes.events.get(callId)), ...late];
  // Of a call that came to nothing only those are told who have heard of it.
  return before === undefined ? [] : [withdrawn(changes.heirs.get(callId))];
}

/** Holds the streams that there are; all in one order. */
async function waitForStreams(tx: OutboxDb, streams: readonly string[]): Promise<void> {
  for (const some of valueLists(streams)) {
    await tx
      .selectFrom('streams')
      .select('stream')
      .where('stream', 'in', some)
      .orderBy('stream')
      .orderBy('endpointId')
      .forUpdate()
      .execute();
  }
}

function withdrawn(partOf: string | undefined): Fact {
  const timestamp = new Date().toISOString();
  const data = () => (partOf === undefined ? {} : { partOf });
  return { key: 'call.withdrawn', type: 'call.withdrawn', timestamp, data };
}

interface Told {
  readonly keys: Set<string>;
  last: number;
}

/** What has been told of these calls already. */
async function tellings(
  tx: OutboxDb,
  callIds: readonly string[],
): Promise<ReadonlyMap<string, Told>> {
  const told = new Map<string, Told>();
  for (const ids of valueLists(callIds)) {
    const rows = await tx
      .selectFrom('publicEvents')
      .select(['callId', 'key', 'sequence'])
      .where('callId', 'in', ids)
      .execute();
    for (const { callId, key, sequence } of rows) {
      if (callId === null) continue;
      const known = told.get(callId) ?? { keys: new Set<string>(), last: 0 };
      known.keys.add(key);
      known.last = Math.max(known.last, sequence ?? 0);
      told.set(callId, known);
    }
  }
  return told;
}

/** Into the log, with a delivery to every endpoint that wants it. */
export async function insertEvents(
  tx: OutboxDb,
  rows: readonly NewPublicEventRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const endpoints = await tx
    .selectFrom('endpoints')
    .select(['id', 'events'])
    .where('disabledAt', 'is', null)
    .execute();
  const wanted = endpoints.map(({ id, events }) => ({
    id,
    events: JSON.parse(events) as string[],
  }));
  const inserted: Pick<PublicEventRow, 'position' | 'id' | 'type' | 'callId'>[] = [];
  for (const some of rowLists(rows)) {
    inserted.push(
      ...(await tx
        .insertInto('publicEvents')
        .values(some)
        .returning(['position', 'id', 'type', 'callId'])
        .execute()),
    );
  }
  for (const { id: endpointId, events } of wanted) {
    await deliverTo(
      tx,
      endpointId,
      inserted.filter(({ type }) => matchesType(type, events)),
    );
  }
}

/** Queues the events for the endpoint. The deliveries' ids. */
export async function deliverTo(
  tx: OutboxDb,
  endpointId: string,
  events: readonly Pick<PublicEventRow, 'position' | 'id' | 'callId'>[],
): Promise<readonly string[]> {
  if (events.length === 0) return [];
  const createdAt = new Date().toISOString();
  const deliveries = events.map(({ position, callId, id }) => ({
    id: `dlv_${ulid()}`,
    endpointId,
    stream: callId ?? id,
    position,
    state: 'pending' as const,
    attempts: 0,
    createdAt,
  }));
  for (const some of rowLists(deliveries)) {
    await tx.insertInto('deliveries').values(some).execute();
  }
  await holdStreams(tx, endpointId, [...new Set(deliveries.map(({ stream }) => stream))]);
  return deliveries.map(({ id }) => id);
}

/**
 * Makes the streams that are not there, and holds them all until the transaction ends: a sender
 * that is about to finish a stream sees what was added to it, or waits until it does.
 */
export async function holdStreams(
  tx: OutboxDb,
  endpointId: string,
  streams: readonly string[],
): Promise<void> {
  const nextAt = new Date().toISOString();
  for (const some of rowLists(streams)) {
    await tx
      .insertInto('streams')
      .values(some.map((stream) => ({ endpointId, stream, nextAt })))
      .onConflict((conflict) =>
        conflict
          .columns(['endpointId', 'stream'])
          .doUpdateSet({ stream: (eb) => eb.ref('excluded.stream') }),
      )
      .execute();
  }
}

/** Of something that concerns no call. */
export function eventRow(type: PublicEventType, data: object): NewPublicEventRow {
  const id = `evt_${ulid()}`;
  return {
    id,
    type,
    callId: null,
    sequence: null,
    key: id,
    timestamp: new Date().toISOString(),
    data: JSON.stringify(data),
  };
}

export function publicEventOf(row: PublicEventRow): PublicEvent {
  const { id, type, callId, sequence, timestamp } = row;
  return {
    position: Number(row.position),
    id,
    type,
    callId,
    sequence,
    timestamp,
    data: JSON.parse(row.data) as PublicEvent['data'],
  };
}
