import type { Kysely } from 'kysely';
import { ulid } from 'ulid';
import type { Call } from './call.ts';
import {
  ERASED,
  digitsOf,
  maskNumber,
  withoutNumber,
  withoutPerson,
  withoutSpeech,
} from './redact.ts';
import type { WriteLocks } from './row-locks.ts';
import type { CallRow, LedgerSchema } from './schema.ts';
import { callOf } from './unit-of-work/call-rows.ts';

type Db = Kysely<LedgerSchema>;

/** Calls or rows changed in one transaction, so that nobody waits long for it. */
const PORTION = 100;

/** Takes out of the ledger what is too old, or whom it must not know. */
export interface Removal {
  /**
   * Removes what is older than told; sealed records keep their facts. May run in several processes
   * at once. How many calls lost their events, and what was said.
   */
  sweep(limits: SweepLimits): Promise<{ readonly events: number; readonly transcripts: number }>;
  /**
   * Removes a person: every call from or to the number loses what tells who it was and what was
   * said, also of what comes late; the number is masked wherever else it stands. Done twice, it
   * finds nothing more.
   *
   * @param number E.164
   */
  erase(number: string): Promise<Erased>;
  /** Puts the receipt away. */
  addReceipt(receipt: Receipt): Promise<void>;
}

/** RFC 3339; undefined: kept for good. */
export interface SweepLimits {
  readonly eventsBefore: string | undefined;
  readonly transcriptsBefore: string | undefined;
}

export interface Erased {
  readonly callIds: readonly string[];
  /** That were changed. */
  readonly events: number;
  readonly publicEvents: number;
}

export interface Receipt {
  /** `era_` + ULID. */
  readonly id: string;
  readonly at: string;
  /** What it knows the number by. */
  readonly numberHash: string;
  readonly counts: Readonly<Record<string, number>>;
}

export function createRemoval(
  db: Db,
  locks: WriteLocks,
  afterRemoval: () => Promise<void> = async () => undefined,
): Removal {
  const write = <T>(work: (tx: Db) => Promise<T>): Promise<T> => db.transaction().execute(work);

  /** Calls that ended before, portion by portion, until there are no more. */
  async function eachOld(
    column: 'eventsRemovedAt' | 'transcriptRemovedAt',
    before: string,
    remove: (tx: Db, rows: readonly CallRow[], at: string) => Promise<void>,
  ): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await write(async (tx) => {
        let query = tx
          .selectFrom('calls')
          .selectAll()
          .where('sealedAt', 'is not', null)
          .where(column, 'is', null)
          .where('endedAt', '<', before)
          .orderBy('endedAt')
          .limit(PORTION);
        // Another process that sweeps has taken its own portion.
        if (locks.skipLocked) query = query.forUpdate().skipLocked();
        const rows = await query.execute();
        if (rows.length === 0) return 0;
        const at = new Date().toISOString();
        await remove(tx, rows, at);
        for (const row of rows) {
          const known = callOf(row);
          const kind = column === 'eventsRemovedAt' ? 'events' : 'transcript';
          const call = kind === 'transcript' ? withoutSpeech(known) : known;
          await tx
            .updateTable('calls')
            .set({
              [column]: at,
              record: JSON.stringify({ ...call, removed: { ...call.removed, [kind]: at } }),
            })
            .where('id', '=', row.id)
            .execute();
        }
        return rows.length;
      });
      removed += count;
      if (count === 0) return removed;
    }
  }

  return {
    async sweep({ eventsBefore, transcriptsBefore }) {
      let transcripts = 0;
      let events = 0;
      if (transcriptsBefore !== undefined) {
        transcripts = await eachOld('transcriptRemovedAt', transcriptsBefore, async (tx, rows) => {
          const ids = rows.map(({ id }) => id);
          await rewriteEvents(tx, ids, withoutSpeech);
          await rewritePublicEvents(tx, ids, withoutSpeech);
        });
      }
      if (eventsBefore !== undefined) {
        events = await eachOld('eventsRemovedAt', eventsBefore, async (tx, rows) => {
          const ids = rows.map(({ id }) => id);
          await tx.deleteFrom('events').where('callId', 'in', ids).execute();
          await removePublicEvents(tx, ids);
        });
        // What never became part of a call.
        await db
          .deleteFrom('events')
          .where('callId', 'is', null)
          .where('receivedAt', '<', eventsBefore)
          .execute();
      }
      if (events + transcripts > 0) await afterRemoval();
      return { events, transcripts };
    },

    async erase(number) {
      const callIds: string[] = [];
      let events = 0;
      let publicEvents = 0;
      for (const id of await callsNaming(db, number)) {
        const erased = await write(async (tx) => {
          await locks.forCalls(tx, [id]);
          const row = await tx
            .selectFrom('calls')
            .selectAll()
            .where('id', '=', id)
            .executeTakeFirst();
          if (row === undefined) return undefined;
          const call = callOf(row);
          const isTheirs = isCallOf(call, number);
          const change = isTheirs
            ? <T>(value: T) => withoutPerson(withoutNumber(value, number))
            : <T>(value: T) => withoutNumber(value, number);
          const at = new Date().toISOString();
          const changed = change(call);
          const record = isTheirs
            ? { ...withoutRoomName(changed), removed: { ...call.removed, person: at } }
            : changed;
          await tx
            .updateTable('calls')
            .set({
              record: JSON.stringify(record),
              ...(isTheirs && { erasedAt: at, fromNumber: null, toNumber: null }),
            })
            .where('id', '=', id)
            .execute();
          if (!isTheirs) return { events: 0, publicEvents: 0 };
          callIds.push(id);
          await tx
            .deleteFrom('callKeys')
            .where('callId', '=', id)
            .where('kind', '=', 'roomName')
            .execute();
          return {
            events: await rewriteEvents(tx, [id], change, { roomName: null }),
            publicEvents: await rewritePublicEvents(tx, [id], change),
          };
        });
        events += erased?.events ?? 0;
        publicEvents += erased?.publicEvents ?? 0;
      }
      events += await maskEvents(db, number);
      publicEvents += await maskPublicEvents(db, number);
      await afterRemoval();
      return { callIds, events, publicEvents };
    },

    async addReceipt({ id, at, numberHash, counts }) {
      await db
        .insertInto('erasures')
        .values({ id, at, numberHash, counts: JSON.stringify(counts) })
        .execute();
    },
  };
}

export function newReceiptId(): string {
  return `era_${ulid()}`;
}

/** The number is one end of it. */
function isCallOf(call: Call, number: string): boolean {
  const digits = digitsOf(number);
  const ends = [call.from, call.to, ...call.legs.flatMap(({ from, to }) => [from, to])];
  return ends.some((end) => end !== undefined && digitsOf(end) === digits);
}

/** Rooms are named after their callers. */
function withoutRoomName(call: Call): Call {
  return call.room?.name === undefined ? call : { ...call, room: { ...call.room, name: ERASED } };
}

async function callsNaming(db: Db, number: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('calls')
    .select('id')
    .where('record', 'like', `%${digitsOf(number)}%`)
    .orderBy('id')
    .execute();
  return rows.map(({ id }) => id);
}

async function rewriteEvents(
  tx: Db,
  callIds: readonly string[],
  change: <T>(value: T) => T,
  columns: { readonly roomName?: null } = {},
): Promise<number> {
  const rows = await tx
    .selectFrom('events')
    .select(['id', 'body'])
    .where('callId', 'in', callIds)
    .execute();
  let count = 0;
  for (const { id, body } of rows) {
    const changed = JSON.stringify(change(JSON.parse(body)));
    if (changed === body) continue;
    await tx
      .updateTable('events')
      .set({ body: changed, ...columns })
      .where('id', '=', id)
      .execute();
    count += 1;
  }
  return count;
}

async function rewritePublicEvents(
  tx: Db,
  callIds: readonly string[],
  change: <T>(value: T) => T,
): Promise<number> {
  const rows = await tx
    .selectFrom('publicEvents')
    .select(['id', 'data'])
    .where('callId', 'in', callIds)
    .execute();
  let count = 0;
  for (const { id, data } of rows) {
    const changed = JSON.stringify(change(JSON.parse(data)));
    if (changed === data) continue;
    await tx.updateTable('publicEvents').set({ data: changed }).where('id', '=', id).execute();
    count += 1;
  }
  return count;
}

/** But not what somebody still has to be told. */
async function removePublicEvents(tx: Db, callIds: readonly string[]): Promise<void> {
  const pending = tx
    .selectFrom('deliveries')
    .select('position')
    .where('state', '=', 'pending')
    .where('stream', 'in', callIds);
  const gone = await tx
    .deleteFrom('publicEvents')
    .where('callId', 'in', callIds)
    .where('position', 'not in', pending)
    .returning('position')
    .execute();
  for (let index = 0; index < gone.length; index += 500) {
    const positions = gone.slice(index, index + 500).map(({ position }) => position);
    const deliveries = tx.selectFrom('deliveries').select('id').where('position', 'in', positions);
    await tx.deleteFrom('attempts').where('deliveryId', 'in', deliveries).execute();
    await tx.deleteFrom('deliveries').where('position', 'in', positions).execute();
  }
}

/** Where another's call or an event of no call has it. */
async function maskEvents(db: Db, number: string): Promise<number> {
  const like = `%${digitsOf(number)}%`;
  const rows = await db
    .selectFrom('events')
    .select(['id', 'body', 'roomName'])
    .where((eb) => eb.or([eb('body', 'like', like), eb('roomName', 'like', like)]))
    .execute();
  for (const { id, body, roomName } of rows) {
    await db
      .updateTable('events')
      .set({
        body: JSON.stringify(withoutNumber(JSON.parse(body), number)),
        roomName: roomName && maskNumber(roomName, number),
      })
      .where('id', '=', id)
      .execute();
  }
  await db
    .deleteFrom('callKeys')
    .where('kind', '=', 'roomName')
    .where('key', 'like', like)
    .execute();
  return rows.length;
}

async function maskPublicEvents(db: Db, number: string): Promise<number> {
  const rows = await db
    .selectFrom('publicEvents')
    .select(['id', 'data'])
    .where('data', 'like', `%${digitsOf(number)}%`)
    .execute();
  for (const { id, data } of rows) {
    const changed = JSON.stringify(withoutNumber(JSON.parse(data), number));
    await db.updateTable('publicEvents').set({ data: changed }).where('id', '=', id).execute();
  }
  return rows.length;
}
