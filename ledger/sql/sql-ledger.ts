import type { Dialect } from './dialect.ts';
import { begunIn, saidIn, withNumber } from './searchable.ts';
import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { Call } from '../../calls/call.ts';
import { isFinal } from '../../calls/call.ts';
import type { NumberRules } from '../privacy/erased-numbers.ts';
import type { Announcer } from '../announcer.ts';
import type { Ledger, StoredEvent } from '../ledger.ts';
import { pageOf } from '../page.ts';
import { createRecorder } from '../recorder.ts';
import type { WriteLocks } from './row-locks.ts';
import type { EventRow, LedgerSchema } from './schema.ts';
import { sealed } from '../../calls/state.ts';
import { callOf } from '../unit-of-work/call-rows.ts';
import { eventOf } from '../unit-of-work/events.ts';

type Db = Kysely<LedgerSchema>;

/** More than an event takes with all its indexes: a probe must not fit where events do not. */
const PROBE_BYTES = 64 * 1024;

/** A database that is ready for a ledger, and what is its own. */
export interface SqlStore {
  readonly dialect: Dialect;
  readonly db: Db;
  /** Connections for recording alone; the same where there is one. */
  readonly recordDb: Db;
  readonly locks: WriteLocks;
  /** See `publishChanges`; where several processes write. */
  readonly publishLock: (<DB>(tx: Kysely<DB>) => Promise<void>) | undefined;
  /** Makes the database's files forget what was taken out. */
  readonly afterRemoval: () => Promise<void>;
}

export interface SqlLedgerOptions {
  readonly announcer: Announcer;
  /** What is erased as it comes. */
  readonly numbers?: NumberRules | undefined;
}

/** The ledger on a database that Kysely drives and `migrate` has prepared. Owns the connection. */
export function createSqlLedger(
  { dialect, db, recordDb, locks }: SqlStore,
  { announcer, numbers }: SqlLedgerOptions,
): Ledger {
  const recorder = createRecorder(recordDb, { locks, announcer, numbers });

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
    setAside: recorder.setAside,
    record: (events) => recorder.record(events),
    onRecorded: (listener) => recorder.onRecorded(listener),

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

    async calls({ limit, cursor, ...filter }) {
      const { state, line, direction, from, to, since, until } = filter;
      const { endReason, ingress, number, room, said } = filter;
      let query = db.selectFrom('calls').select(['id', 'record']).orderBy('id', 'desc');
      if (cursor !== undefined) query = query.where('id', '<', cursor);
      if (state !== undefined) query = query.where('state', '=', state);
      if (line !== undefined) query = query.where('line', '=', line);
      if (direction !== undefined) query = query.where('direction', '=', direction);
      if (from !== undefined) query = query.where('fromNumber', '=', from);
      if (to !== undefined) query = query.where('toNumber', '=', to);
      if ((since ?? until) !== undefined) query = query.where(begunIn(since, until));
      if (endReason !== undefined) query = query.where('endReason', '=', endReason);
      if (ingress !== undefined) query = query.where('ingress', '=', ingress);
      if (number !== undefined) query = query.where(withNumber(number));
      if (said !== undefined) query = query.where(saidIn(dialect, said));
      if (room !== undefined) {
        const inRoom = db.selectFrom('callKeys').select('callId').where('key', '=', room);
        query = query.where('id', 'in', inRoom.where('kind', '=', 'roomName'));
      }
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
