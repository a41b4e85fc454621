import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { lookupKeys, nameKeys, nameOf } from './event-keys.ts';
import type { CallEvent } from './events.ts';
import { valueLists } from './lists.ts';
import { explore } from './regroup.ts';
import type { Key, LedgerSchema } from './schema.ts';
import { UnitOfWork } from './unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** Shared by those who store events; "eras" in ASCII. */
const ERASURE_LOCK = 0x65726173n;

/** What keeps writers that work side by side apart. */
export interface WriteLocks {
  /**
   * Takes all that recording these events will change, until the transaction ends.
   * Throws `TooFewLocks` when that is more than was known: then begin anew.
   *
   * @param unit has read nothing yet
   * @param more keys that an attempt before this one found
   */
  forEvents(unit: UnitOfWork, events: readonly CallEvent[], more: readonly Key[]): Promise<void>;
  forCalls(tx: Db, callIds: readonly string[]): Promise<void>;
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
 * names it before there is a call, or at the call's row. Keys are locked first, then rows, each
 * in one order and at once, so that nobody waits in a circle.
 */
export const postgresLocks: WriteLocks = {
  skipLocked: true,

  async forEvents(unit, events, more) {
    const tx = unit.db;
    const named = [...events.flatMap(lookupKeys), ...events.flatMap(nameKeys), ...more];
    await lockKeys(tx, named);
    const found = await connected(new UnitOfWork(tx), named);
    await postgresLocks.forCalls(tx, found.callIds);
    // While we waited, others may have connected more, or moved it.
    const now = await connected(unit, named);
    const locked = new Set(named.map(numberOf));
    const free = now.keys.filter((key) => !locked.has(numberOf(key)));
    const known = new Set(found.callIds);
    if (now.callIds.some((id) => !known.has(id)) || !(await tryLockKeys(tx, free))) {
      throw new TooFewLocks([...more, ...free]);
    }
  },

  async beforeErasure(tx) {
    await sql`select pg_advisory_xact_lock(${ERASURE_LOCK})`.execute(tx);
  },

  async forCalls(tx, callIds) {
    for (const some of valueLists(callIds)) {
      await tx
        .selectFrom('calls')
        .select('id')
        .where('id', 'in', some)
        .orderBy('id')
        .forUpdate()
        .execute();
    }
  },
};

/** One process has the SQLite file, and its transactions come one after the other. */
export const noLocks: WriteLocks = {
  skipLocked: false,
  forEvents: async () => undefined,
  forCalls: async () => undefined,
  beforeErasure: async () => undefined,
};

/** The calls that may change, and the keys of events whose call may become known. */
async function connected(
  unit: UnitOfWork,
  keys: readonly Key[],
): Promise<{ readonly callIds: readonly string[]; readonly keys: readonly Key[] }> {
  const { open, sealed, orphans } = await explore(unit, keys);
  const byName = await unit.keys.find(keys.filter(({ kind }) => kind === 'roomName'));
  const named = await unit.calls.find(byName.map(({ callId }) => callId));
  const unsealed = [...named].flatMap(([id, { sealedAt }]) => (sealedAt === null ? [id] : []));
  return {
    callIds: [...new Set([...open, ...sealed, ...unsealed])].sort(),
    keys: [...orphans].flatMap(({ event }) => lookupKeys(event)),
  };
}

/** In one order, each of them waited for. */
async function lockKeys(tx: Db, keys: readonly Key[]): Promise<void> {
  const numbers = numbersOf(keys);
  await sql`select pg_advisory_xact_lock_shared(${ERASURE_LOCK})`.execute(tx);
  if (numbers.length === 0) return;
  await sql`select pg_advisory_xact_lock(n::bigint) from unnest(${numbers}::text[]) with ordinality as t(n, i) order by i`.execute(
    tx,
  );
}

/** Out of order, so without waiting. */
async function tryLockKeys(tx: Db, keys: readonly Key[]): Promise<boolean> {
  const numbers = numbersOf(keys);
  if (numbers.length === 0) return true;
  const { rows } = await sql<{
    taken: boolean;
  }>`select pg_try_advisory_xact_lock(n::bigint) as taken from unnest(${numbers}::text[]) as t(n)`.execute(
    tx,
  );
  return rows.every(({ taken }) => taken);
}

function numbersOf(keys: readonly Key[]): string[] {
  return [...new Set(keys.map(numberOf))].sort();
}

/** An advisory lock is known by 64 bits: two keys may share one, and then only wait. */
function numberOf(key: Key): string {
  return createHash('sha256').update(nameOf(key)).digest().readBigInt64BE().toString();
}
