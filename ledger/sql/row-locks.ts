import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { keysOf, nameOf } from '../../calls/belonging/event-keys.ts';
import type { CallEvent } from '../../calls/events.ts';
import { valueLists } from './lists.ts';
import { explore } from '../regroup.ts';
import type { LedgerSchema } from './schema.ts';
import type { Key } from '../../calls/belonging/key.ts';
import { UnitOfWork } from '../unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** Shared by those who store events; "eras" in ASCII. */
const ERASURE_LOCK = 0x65726173n;

/** What keeps writers that work side by side apart. */
export interface WriteLocks {
  /**
   * Takes all that recording these events will change, until the transaction ends, and waits for
   * nobody: events of a call that somebody holds are left out. Those that it could be taken for.
   * Throws `TooFewLocks` when that is more than was known: then begin anew.
   *
   * @param unit has read nothing yet
   * @param more keys that an attempt before this one found
   */
  forEvents(
    unit: UnitOfWork,
    events: readonly CallEvent[],
    more: readonly Key[],
  ): Promise<readonly CallEvent[]>;
  /** Waits for it. */
  forCall(tx: Db, callId: string): Promise<void>;
  /** Waits for nobody. Those that were free. */
  forFreeCalls(tx: Db, callIds: readonly string[]): Promise<readonly string[]>;
  /** Waits until nobody stores events without knowing of what this transaction writes. */
  beforeErasure(tx: Db): Promise<void>;
  /** Whether rows can be passed over that somebody else holds. */
  readonly skipLocked: boolean;
}

export class TooFewLocks extends Error {
  readonly keys: readonly Key[];

  constructor(keys: readonly Key[]) {
    super('more is connected than was locked');
    this.keys = keys;
  }
}

/**
 * PostgreSQL. Two transactions that may concern one call meet either at a key, because an event
 * names it before there is a call, or at the call's row. Nobody waits for either, and so never in
 * a circle.
 */
export const postgresLocks: WriteLocks = {
  skipLocked: true,

  async forEvents(unit, events, more) {
    const tx = unit.db;
    await sql`select pg_advisory_xact_lock_shared(${ERASURE_LOCK})`.execute(tx);
    const taken = await tryLockKeys(tx, [...events.flatMap(namedBy), ...more]);
    const isTaken = (key: Key) => taken.has(numberOf(key));
    const refused = new Set(more.filter((key) => !isTaken(key)).map(numberOf));
    let free = events.filter((event) => namedBy(event).every(isTaken));

    const first = new UnitOfWork(tx);
    const found = await connected(first, free.flatMap(namedBy));
    const locked = new Set(await postgresLocks.forFreeCalls(tx, found.callIds));
    const isFree = ({ callIds, keys }: Connected) =>
      callIds.every((id) => locked.has(id)) && !keys.some((key) => refused.has(numberOf(key)));
    if (!isFree(found)) {
      const some: CallEvent[] = [];
      for (const event of free) {
        if (isFree(await connected(first, namedBy(event)))) some.push(event);
      }
      free = some;
    }

    // While we looked, others may have connected more, or moved it.
    const now = await connected(unit, free.flatMap(namedBy));
    const missing = now.keys.filter((key) => !isTaken(key));
    if (missing.length > 0 || now.callIds.some((id) => !locked.has(id))) {
      throw new TooFewLocks([...more, ...missing]);
    }
    return free;
  },

  async beforeErasure(tx) {
    await sql`select pg_advisory_xact_lock(${ERASURE_LOCK})`.execute(tx);
  },

  async forCall(tx, callId) {
    await tx.selectFrom('calls').select('id').where('id', '=', callId).forUpdate().execute();
  },

  async forFreeCalls(tx, callIds) {
    const free: string[] = [];
    for (const some of valueLists(callIds)) {
      const rows = await tx
        .selectFrom('calls')
        .select('id')
        .where('id', 'in', some)
        .forUpdate()
        .skipLocked()
        .execute();
      free.push(...rows.map(({ id }) => id));
    }
    return free;
  },
};

/** One process has the SQLite file, and its transactions come one after the other. */
export const noLocks: WriteLocks = {
  skipLocked: false,
  forEvents: async (_unit, events) => events,
  forCall: async () => undefined,
  forFreeCalls: async (_tx, callIds) => callIds,
  beforeErasure: async () => undefined,
};

interface Connected {
  readonly callIds: readonly string[];
  readonly keys: readonly Key[];
}

function namedBy(event: CallEvent): readonly Key[] {
  const { ids, names } = keysOf(event);
  return [...ids, ...names];
}

/** The calls that may change, and the keys of events whose call may become known. */
async function connected(unit: UnitOfWork, keys: readonly Key[]): Promise<Connected> {
  const { open, sealed, orphans } = await explore(unit, keys);
  const byName = await unit.keys.find(keys.filter(({ kind }) => kind === 'roomName'));
  const named = await unit.calls.find(byName.map(({ callId }) => callId));
  const unsealed = [...named].flatMap(([id, { sealedAt }]) => (sealedAt === null ? [id] : []));
  return {
    callIds: [...new Set([...open, ...sealed, ...unsealed])].sort(),
    keys: [...orphans].flatMap(({ event }) => namedBy(event)),
  };
}

/** Numbers of those that nobody else holds. */
async function tryLockKeys(tx: Db, keys: readonly Key[]): Promise<ReadonlySet<string>> {
  const numbers = [...new Set(keys.map(numberOf))];
  if (numbers.length === 0) return new Set();
  const { rows } = await sql<{
    n: string;
  }>`select n from unnest(${numbers}::text[]) as t(n) where pg_try_advisory_xact_lock(n::bigint)`.execute(
    tx,
  );
  return new Set(rows.map(({ n }) => n));
}

/** An advisory lock is known by 64 bits: two keys may share one, and then only wait. */
function numberOf(key: Key): string {
  return createHash('sha256').update(nameOf(key)).digest().readBigInt64BE().toString();
}
