import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { createApiKeyStore } from './api-key-store.ts';
import type { Call } from './call.ts';
import { isFinal } from './call.ts';
import type { NumberRules } from './erased-numbers.ts';
import { createIdempotencyStore } from './idempotency-store.ts';
import type { Ledger, StoredEvent } from './ledger.ts';
import { createOutbox } from './create-outbox.ts';
import { publicEventOf } from './outbox-publish.ts';
import { pageOf } from './page.ts';
import { createRecorder } from './recorder.ts';
import { createRemoval } from './removal.ts';
import type { WriteLocks } from './row-locks.ts';
import { noLocks } from './row-locks.ts';
import type { EventRow, LedgerSchema } from './schema.ts';
import { sealed } from './state.ts';
import { callOf } from './unit-of-work/call-rows.ts';
import { eventOf } from './unit-of-work/events.ts';

type Db = Kysely<LedgerSchema>;

/** More than an event takes with all its indexes: a probe must not fit where events do not. */
const PROBE_BYTES = 64 * 1024;

export interface SqlLedgerOptions {
  /** Connections for recording alone. */
  readonly recordDb?: Db;
  /** For a database that several processes write to. */
  readonly locks?: WriteLocks;
  /** See `publishChanges`. */
  readonly publishLock?: (tx: Db) => Promise<void>;
  /** See `RemovalOptions`. */
  readonly numbers?: NumberRules | undefined;
  readonly afterRemoval?: () => Promise<void>;
}

/** The ledger on a database that Kysely drives and `migrate` has prepared. Owns the connection. */
export function createSqlLedger(
  db: Db,
  {
    recordDb = db,
    locks = noLocks,
    publishLock,
    numbers,
    afterRemoval = async () => undefined,
  }: SqlLedgerOptions = {},
): Ledger {
  const listeners = new Set<() => void>();
  const recorder = createRecorder(recordDb, { locks, publishLock, numbers, onPublished: notify });

  function notify(): void {
    for (const listener of listeners) listener();
  }

  async function publish<T>(work: (tx: Kysely<LedgerSchema>) => Promise<T>): Promise<T> {
    const result = await db.transaction().execute(async (tx) => {
      await publishLock?.(tx);
      return work(tx);
    });
    notify();
    return result;
  }

  async function seal(callIds: readonly string[], at: string): Promise<readonly Call[]> {
    const ids = [...new Set(callIds)].sort();
    return recorder.write(async (unit) => {
      const free = await locks.forFreeCalls(unit.db, ids);
      const done: Call[] = [];
      for (const { call, sealedAt, touchedAt } of (await unit.calls.find(free)).values()) {
        if (sealedAt !== null || !isFinal(call.state)) continue;
        const final = sealed(call, at);
        unit.save(final, touchedAt);
        done.push(final);
      }
      return done;
    });
  }

  return {
    apiKeys: createApiKeyStore(db),
    idempotency: createIdempotencyStore(db),
    removal: createRemoval(db, { locks, numbers, afterRemoval }),
    outbox: createOutbox(db, { rowLocks: publishLock !== undefined, publish }),

    setAside: recorder.setAside,
    record: (events) => recorder.record(events),

    async call(id) {
      const find = () => db.selectFrom('calls').select('record');
      const row = await find().where('id', '=', id).executeTakeFirst();
      if (row !== undefined) return callOf(row);
      const named = db
        .selectFrom('callKeys')
        .select('callId')
        .where('kind', '=', 'call')
        .where('key', '=', id);
      const heir = await find().where('id', 'in', named).executeTakeFirst();
      return heir && callOf(heir);
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
      return pageOf(rows, limit, callOf, ({ id }) => id);
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
      return pageOf(rows, limit, storedEvent, ({ sequence }) => String(sequence));
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
        .select((eb) => [
          'roomSid',
          eb.fn.max('roomName').as('roomName'),
          eb.fn.max('jobId').as('jobId'),
          eb.fn
            .max(eb.case().when('type', '=', 'agent.started').then(1).else(0).end())
            .as('hasBegun'),
          eb.fn.max('receivedAt').as('touchedAt'),
        ])
        .where('callId', 'is', null)
        .where('roomSid', 'is not', null)
        .where('receivedAt', '>=', since)
        .groupBy('roomSid')
        .execute();
      return rows.map(({ roomSid, roomName, jobId, hasBegun, touchedAt }) => ({
        roomSid: roomSid ?? '',
        roomName: roomName ?? undefined,
        hasAgent: jobId !== null,
        hasBegun: hasBegun === 1,
        touchedAt,
      }));
    },

    seal,

    async publicEvents({ limit, after, callId, types }) {
      let query = db.selectFrom('publicEvents').selectAll().orderBy('position').limit(limit);
      if (after !== undefined) query = query.where('position', '>', after);
      if (callId !== undefined) query = query.where('callId', '=', callId);
      if (types !== undefined && !types.includes('*')) {
        query = query.where((eb) =>
          eb.or(
            types.map((pattern) =>
              pattern.endsWith('.*')
                ? eb('type', 'like', `${pattern.slice(0, -1)}%` as never)
                : eb('type', '=', pattern as never),
            ),
          ),
        );
      }
      return (await query.execute()).map(publicEventOf);
    },

    async lastPublicPosition() {
      const row = await db
        .selectFrom('publicEvents')
        .select(({ fn }) => fn.max('position').as('last'))
        .executeTakeFirst();
      return Number(row?.last ?? 0);
    },

    onPublicEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

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
      // Only what was committed was written: a full disk shows at the commit.
      // Random, because what is there already is not written again.
      const at = `${new Date().toISOString()} ${randomBytes(PROBE_BYTES).toString('hex')}`;
      await db
        .insertInto('probes')
        .values({ id: 1, at })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ at }))
        .execute();
    },

    async close() {
      await recorder.close();
      await recordDb.destroy();
      await db.destroy();
    },
  };
}

function storedEvent(row: EventRow): StoredEvent {
  return {
    sequence: row.sequence ?? 0,
    receivedAt: row.receivedAt,
    late: row.late === 1,
    event: eventOf(row),
  };
}
