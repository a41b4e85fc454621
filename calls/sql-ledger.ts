import type { Kysely } from 'kysely';
import { ulid } from 'ulid';
import { createBatcher } from './batcher.ts';
import { isFinal } from './call.ts';
import type { CallEvent } from './events.ts';
import type { Ledger, Page, Recorded, StoredEvent } from './ledger.ts';
import { callOf, eventOf, recordEvent, saveCall } from './record-event.ts';
import type { EventRow, LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;

export interface SqlLedgerOptions {
  /** Makes a transaction the only one that writes until it ends; where the database needs it. */
  readonly lock?: (tx: Db) => Promise<void>;
}

/** The ledger on a database that Kysely drives and `migrate` has prepared. Owns the connection. */
export function createSqlLedger(db: Db, { lock }: SqlLedgerOptions = {}): Ledger {
  async function write<T>(work: (tx: Db) => Promise<T>): Promise<T> {
    return db.transaction().execute(async (tx) => {
      await lock?.(tx);
      return work(tx);
    });
  }

  // A commit waits for the disk: events that arrive meanwhile share the next one.
  const writer = createBatcher<readonly CallEvent[], readonly Recorded[]>((requests) =>
    write(async (tx) => {
      const results: Recorded[][] = [];
      for (const events of requests) {
        const recorded: Recorded[] = [];
        for (const event of events) recorded.push(await recordEvent(tx, event));
        results.push(recorded);
      }
      return results;
    }),
  );

  return {
    record: (events) => writer.run(events),

    async call(id) {
      const row = await db
        .selectFrom('calls')
        .select('record')
        .where('id', '=', id)
        .executeTakeFirst();
      return row && callOf(row);
    },

    async calls({ limit, cursor, state, line, direction, from, to, since, until }) {
      let query = db.selectFrom('calls').select(['id', 'record']).orderBy('id', 'desc');
      if (cursor !== undefined) query = query.where('id', '<', cursor);
      if (state !== undefined) query = query.where('state', '=', state);
      if (line !== undefined) query = query.where('line', '=', line);
      if (direction !== undefined) query = query.where('direction', '=', direction);
      if (from !== undefined) query = query.where('fromNumber', '=', from);
      if (to !== undefined) query = query.where('toNumber', '=', to);
      if (since !== undefined) query = query.where('startedAt', '>=', since);
      if (until !== undefined) query = query.where('startedAt', '<', until);
      const rows = await query.limit(limit + 1).execute();
      return page(rows, limit, callOf, ({ id }) => id);
    },

    async events(callId, { limit, cursor }) {
      const rows = await db
        .selectFrom('events')
        .selectAll()
        .where('callId', '=', callId)
        .where('sequence', '>', Number(cursor ?? 0))
        .orderBy('sequence')
        .limit(limit + 1)
        .execute();
      return page(rows, limit, storedEvent, ({ sequence }) => String(sequence));
    },

    async openCalls() {
      const rows = await db
        .selectFrom('calls')
        .select(['record', 'touchedAt'])
        .where('sealedAt', 'is', null)
        .orderBy('touchedAt')
        .execute();
      return rows.map((row) => ({ call: callOf(row), touchedAt: row.touchedAt }));
    },

    async unassignedRooms(since) {
      const rows = await db
        .selectFrom('events')
        .select(({ fn }) => [
          'roomSid',
          fn.max('roomName').as('roomName'),
          fn.max('jobId').as('jobId'),
          fn.max('receivedAt').as('touchedAt'),
        ])
        .where('callId', 'is', null)
        .where('roomSid', 'is not', null)
        .where('receivedAt', '>=', since)
        .groupBy('roomSid')
        .execute();
      return rows.map(({ roomSid, roomName, jobId, touchedAt }) => ({
        roomSid: roomSid ?? '',
        roomName: roomName ?? undefined,
        hasAgent: jobId !== null,
        touchedAt,
      }));
    },

    seal: (callId, at) =>
      write(async (tx) => {
        const row = await tx
          .selectFrom('calls')
          .selectAll()
          .where('id', '=', callId)
          .executeTakeFirst();
        if (row === undefined || row.sealedAt !== null) return false;
        const call = callOf(row);
        if (!isFinal(call.state)) return false;
        await saveCall(tx, { ...call, sealedAt: at }, row.lastSequence, row.touchedAt);
        return true;
      }),

    async countOpen() {
      const rows = await db
        .selectFrom('calls')
        .select(({ fn }) => ['state', fn.countAll<number | string>().as('count')])
        .where('sealedAt', 'is', null)
        .groupBy('state')
        .execute();
      return Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
    },

    async probe() {
      // Takes the write lock and writes a page, then leaves no trace.
      await write(async (tx) => {
        await tx
          .insertInto('callKeys')
          .values({ kind: 'job', key: ulid(), callId: 'probe' })
          .execute();
        throw new Undone();
      }).catch((error: unknown) => {
        if (!(error instanceof Undone)) throw error;
      });
    },

    async close() {
      await writer.close();
      await db.destroy();
    },
  };
}

class Undone extends Error {}

function storedEvent(row: EventRow): StoredEvent {
  return {
    sequence: row.sequence ?? 0,
    receivedAt: row.receivedAt,
    late: row.late === 1,
    event: eventOf(row),
  };
}

function page<Row, T>(
  rows: readonly Row[],
  limit: number,
  map: (row: Row) => T,
  cursorOf: (row: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { data: shown.map(map), nextCursor: more ? cursorOf(last) : undefined };
}
