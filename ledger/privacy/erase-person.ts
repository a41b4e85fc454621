import { columnsOf } from '../sql/searchable.ts';
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { ulid } from 'ulid';
import type { Announcer } from '../announcer.ts';
import type { Call } from '../../calls/call.ts';
import { hashNumber } from './erased-numbers.ts';
import type { NumberRules } from './erased-numbers.ts';
import { idsOf } from '../../calls/belonging/event-keys.ts';
import type { Mask } from './redact.ts';
import { blankOf, isNumber, maskOf, withoutNumbers, withoutPerson } from './redact.ts';
import type { Correlation } from '../../calls/reports.ts';
import { BETWEEN_DIGITS } from './written-numbers.ts';
import type { WriteLocks } from '../sql/row-locks.ts';
import type { EventRow, LedgerSchema } from '../sql/schema.ts';
import { callOf } from '../unit-of-work/call-rows.ts';
import { eventOf, roomNameOf } from '../unit-of-work/events.ts';
import { countryOf } from '../../config/e164.ts';
import { UnitOfWork } from '../unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** Rows that one statement looks through, so that nobody waits long for it. */
const LOOK_THROUGH = 2_000;
/** The last digits of a number stand together in all its spellings, but for what separates them. */
const TAIL_DIGITS = 6;
/** White space and backslashes stand in JSON as the letters behind these do. */
const ESCAPED = ['\\t', '\\n', '\\r'];
const SEPARATORS = [...ESCAPED, ...BETWEEN_DIGITS];

export interface Erasure {
  /** Of the receipt: `era_` + ULID. */
  readonly id: string;
  readonly at: string;
  readonly numberHash: string;
  readonly callIds: readonly string[];
  /** That were changed. */
  readonly events: number;
  readonly publicEvents: number;
}

export interface EraseDeps {
  readonly locks: WriteLocks;
  readonly announcer: Announcer;
}

/** See `Removal.erase`. */
export async function erasePerson(
  db: Db,
  { locks, announcer }: EraseDeps,
  rules: NumberRules,
  number: string,
): Promise<Erasure> {
  const receipt = {
    id: `era_${ulid()}`,
    at: new Date().toISOString(),
    numberHash: hashNumber(number, rules),
  };
  const country = countryOf(number) ?? null;
  // First: what arrives while we look is erased as it is stored.
  await db.transaction().execute(async (tx) => {
    await locks.beforeErasure(tx);
    await tx
      .insertInto('erasures')
      .values({ ...receipt, country, counts: '{}' })
      .execute();
  });
  const mask = maskOf(number, rules.country);
  const isTheirs = (call: Call) =>
    [call.from, call.to, ...call.legs.flatMap(({ from, to }) => [from, to])].some((end) =>
      isNumber(end, number, rules.country),
    );

  const callIds: string[] = [];
  let events = 0;
  let publicEvents = 0;
  for await (const { id } of rowsNaming(db, 'calls', 'record', number)) {
    const erased = await db.transaction().execute(async (tx) => {
      await locks.forCall(tx, id);
      const row = await tx.selectFrom('calls').selectAll().where('id', '=', id).executeTakeFirst();
      if (row === undefined) return undefined;
      const call = callOf(row);
      if (isTheirs(call)) return eraseCall(tx, announcer, id, receipt.at, mask);
      const columns = columnsOf(withoutNumbers(call, mask));
      if (columns.record !== row.record) {
        await tx.updateTable('calls').set(columns).where('id', '=', id).execute();
      }
      return undefined;
    });
    if (erased === undefined) continue;
    callIds.push(id);
    events += erased.events;
    publicEvents += erased.publicEvents;
  }
  events += await maskEvents(db, number, mask);
  publicEvents += await announcer.mask(db, number, mask);
  await maskKeys(db, number, mask);
  await blankSetAside(db, blankOf(number, rules.country));
  return { ...receipt, callIds, events, publicEvents };
}

/**
 * Takes out of a call all that tells whose it is, and what was said; what comes later is stripped
 * as it is stored. The caller has locked it.
 */
export async function eraseCall(
  tx: Db,
  announcer: Announcer,
  id: string,
  at: string,
  mask: Mask = (text) => text,
): Promise<{ readonly events: number; readonly publicEvents: number }> {
  const change = <T>(value: T) => withoutPerson(withoutNumbers(value, mask));
  const row = await tx
    .selectFrom('calls')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  const call = change(callOf(row));
  await tx
    .updateTable('calls')
    .set({
      ...columnsOf({ ...call, removed: { ...call.removed, person: at } }),
      erasedAt: at,
      fromNumber: null,
      toNumber: null,
    })
    .where('id', '=', id)
    .execute();
  await tx.deleteFrom('callKeys').where('callId', '=', id).where('kind', '=', 'roomName').execute();
  return {
    events: await rewriteEvents(tx, [id], change),
    publicEvents: await announcer.rewrite(tx, await withFormerIds(tx, [id]), change),
  };
}

/** With the ids of calls that turned out to be these: others were told of them under those. */
export async function withFormerIds(tx: Db, callIds: readonly string[]): Promise<string[]> {
  const former = await tx
    .selectFrom('callKeys')
    .select('key')
    .where('kind', '=', 'call')
    .where('callId', 'in', callIds)
    .execute();
  return [...callIds, ...former.map(({ key }) => key)];
}

export async function rewriteEvents(
  tx: Db,
  callIds: readonly string[],
  change: <T>(value: T) => T,
): Promise<number> {
  const rows = await tx
    .selectFrom('events')
    .select(['id', 'body'])
    .where('callId', 'in', callIds)
    .execute();
  let count = 0;
  for (const row of rows) if (await rewriteEvent(tx, row, change)) count += 1;
  return count;
}

/** True when it was changed. */
async function rewriteEvent(
  tx: Db,
  { id, body }: Pick<EventRow, 'id' | 'body'>,
  change: <T>(value: T) => T,
): Promise<boolean> {
  const event = change(eventOf({ body }));
  const changed = JSON.stringify(event);
  if (changed === body) return false;
  await tx
    .updateTable('events')
    .set({ body: changed, roomName: roomNameOf(event) })
    .where('id', '=', id)
    // It may have become part of a call of theirs meanwhile, and lost more.
    .where('body', '=', body)
    .execute();
  return true;
}

/** Where another's call or an event of no call has it. */
async function maskEvents(db: Db, number: string, mask: Mask): Promise<number> {
  let count = 0;
  for await (const { id } of rowsNaming(db, 'events', 'body', number)) {
    const row = await db
      .selectFrom('events')
      .select(['id', 'body'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (row && (await rewriteEvent(db, row, (value) => withoutNumbers(value, mask)))) count += 1;
  }
  return count;
}

/** Rooms are named after their callers. */
async function maskKeys(db: Db, number: string, mask: Mask): Promise<void> {
  const named = await db
    .selectFrom('callKeys')
    .select('key')
    .where('kind', '=', 'roomName')
    .where('key', 'like', `%${number.slice(-TAIL_DIGITS)}%`)
    .execute();
  for (const { key } of named) {
    if (mask(key) === key) continue;
    await db.deleteFrom('callKeys').where('kind', '=', 'roomName').where('key', '=', key).execute();
  }
}

/**
 * What is not recorded yet is known by its blanks when it is. Of what belongs to an erased call
 * nothing waits.
 */
async function blankSetAside(db: Db, blank: Mask): Promise<void> {
  for (const { id, body } of await db.selectFrom('setAside').select(['id', 'body']).execute()) {
    const blanked = withoutNumbers(JSON.parse(body) as unknown, blank);
    const changed = JSON.stringify(
      (await isOfErased(db, blanked)) ? withoutPerson(blanked) : blanked,
    );
    if (changed === body) continue;
    await db.updateTable('setAside').set({ body: changed }).where('id', '=', id).execute();
  }
}

/** @param body an event, or a report, which names its call likewise */
async function isOfErased(db: Db, body: unknown): Promise<boolean> {
  const { correlation: ids, call } = Object(body) as {
    correlation?: Correlation;
    call?: Correlation;
  };
  const correlation = ids ?? call;
  if (correlation === undefined) return false;
  const unit = new UnitOfWork(db);
  const keys = await unit.keys.find(Object.values(idsOf(correlation)).flat());
  const calls = await unit.calls.find(keys.map(({ callId }) => callId));
  return [...calls.values()].some(({ erasedAt }) => erasedAt !== null);
}

/** The rows that may name the number, in portions, so that nobody waits for one long statement. */
export async function* rowsNaming<DB>(
  db: Kysely<DB>,
  tableName: keyof DB & string,
  column: string,
  number: string,
): AsyncGenerator<{ readonly id: string }> {
  const rows = db as unknown as Kysely<{ rows: { id: string } }>;
  const table = tableName as 'rows';
  const digits = SEPARATORS.reduce(
    (text, separator) => sql<string>`replace(${text}, ${separator}, '')`,
    sql<string>`${sql.ref(column)}`,
  );
  const like = `%${number.slice(-TAIL_DIGITS)}%`;
  let after = '';
  for (;;) {
    const last = await rows
      .selectFrom(table)
      .select('id')
      .where('id', '>', after)
      .orderBy('id')
      .offset(LOOK_THROUGH - 1)
      .limit(1)
      .executeTakeFirst();
    let query = rows
      .selectFrom(table)
      .select('id')
      .where('id', '>', after)
      .where(digits, 'like', like)
      .orderBy('id');
    if (last !== undefined) query = query.where('id', '<=', last.id);
    yield* await query.execute();
    if (last === undefined) return;
    after = last.id;
  }
}
