import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import { createApiKeyStore } from './api-key-store.ts';
import { createBatcher } from './batcher.ts';
import type { Call } from './call.ts';
import { isFinal } from './call.ts';
import { eraseCall } from './erase-person.ts';
import type { Arrived, NumberRules } from './erased-numbers.ts';
import { eraseArriving } from './erased-numbers.ts';
import type { CallEvent } from './events.ts';
import { createIdempotencyStore } from './idempotency-store.ts';
import type { Ledger, Recorded, StoredEvent } from './ledger.ts';
import type { CallChanges } from './outbox-publish.ts';
import { createOutbox } from './create-outbox.ts';
import { createCallChanges, publicEventOf, publishChanges } from './outbox-publish.ts';
import { pageOf } from './page.ts';
import { readFor, recordEvent } from './record-event.ts';
import { createRemoval } from './removal.ts';
import type { WriteLocks } from './row-locks.ts';
import { TooFewLocks, noLocks } from './row-locks.ts';
import type { EventRow, Key, LedgerSchema } from './schema.ts';
import { sealed } from './state.ts';
import { isConflict } from './store-errors.ts';
import { callOf } from './unit-of-work/call-rows.ts';
import { eventOf } from './unit-of-work/events.ts';
import { UnitOfWork } from './unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** More than an event takes with all its indexes: a probe must not fit where events do not. */
const PROBE_BYTES = 64 * 1024;
/** A transaction that others got in the way of is begun anew so often. */
const MAX_ATTEMPTS = 20;

export interface SqlLedgerOptions {
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
    locks = noLocks,
    publishLock,
    numbers,
    afterRemoval = async () => undefined,
  }: SqlLedgerOptions = {},
): Ledger {
  const listeners = new Set<() => void>();

  async function write<T>(
    work: (unit: UnitOfWork, changes: CallChanges) => Promise<T>,
  ): Promise<T> {
    let published = 0;
    const result = await db.transaction().execute(async (tx) => {
      const changes = createCallChanges();
      const unit = new UnitOfWork(tx, changes);
      const done = await work(unit, changes);
      await unit.flush();
      published = await publishChanges(tx, changes, publishLock);
      for (const id of unit.erased) await eraseCall(tx, id, new Date().toISOString());
      return done;
    });
    if (published > 0) notify();
    return result;
  }

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

  async function arriving(tx: Db, events: readonly CallEvent[]) {
    if (numbers !== undefined) return eraseArriving(tx, events, numbers);
    return (event: CallEvent): Arrived => ({ event, isTheirs: false });
  }

  async function store(requests: readonly (readonly CallEvent[])[]): Promise<Recorded[][]> {
    let more: readonly Key[] = [];
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await write(async (unit, changes) => {
          await locks.forEvents(unit, requests.flat(), more);
          const arrive = await arriving(unit.db, requests.flat());
          const arrived = requests.map((events) => events.map(arrive));
          const events = arrived.flat().map(({ event }) => event);
          await readFor(unit, events);
          const results: Recorded[][] = [];
          for (const some of arrived) {
            const recorded: Recorded[] = [];
            for (const one of some) recorded.push(await recordArrived(unit, changes, one));
            results.push(recorded);
          }
          return results;
        });
      } catch (error) {
        if (attempt === MAX_ATTEMPTS) throw error;
        if (error instanceof TooFewLocks) more = error.keys;
        else if (!isConflict(error)) throw error;
      }
    }
  }

  // A commit waits for the disk: events that arrive meanwhile share the next one.
  const batcher = createBatcher<readonly CallEvent[], readonly Recorded[]>(store);

  return {
    apiKeys: createApiKeyStore(db),
    idempotency: createIdempotencyStore(db),
    removal: createRemoval(db, { locks, numbers, afterRemoval }),
    outbox: createOutbox(db, { rowLocks: publishLock !== undefined, publish }),

    record: (events) => batcher.run(events),

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

    seal: (callIds, at) =>
      write(async (unit) => {
        const ids = [...new Set(callIds)].sort();
        await locks.forCalls(unit.db, ids);
        const done: Call[] = [];
        for (const { call, sealedAt, touchedAt } of (await unit.calls.find(ids)).values()) {
          if (sealedAt !== null || !isFinal(call.state)) continue;
          const final = sealed(call, at);
          unit.save(final, touchedAt);
          done.push(final);
        }
        return done;
      }),

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
      await batcher.close();
      await db.destroy();
    },
  };
}

async function recordArrived(
  unit: UnitOfWork,
  changes: CallChanges,
  { event, isTheirs }: Arrived,
): Promise<Recorded> {
  const recorded = await recordEvent(unit, event);
  const { callId, outcome } = recorded;
  if (callId === undefined) return recorded;
  if (isTheirs) unit.erased.add(callId);
  if (outcome === 'applied' || outcome === 'no_effect') {
    changes.happened(callId, unit.events.stored(event.id) ?? event);
  }
  return recorded;
}

function storedEvent(row: EventRow): StoredEvent {
  return {
    sequence: row.sequence ?? 0,
    receivedAt: row.receivedAt,
    late: row.late === 1,
    event: eventOf(row),
  };
}
