import { rowsNaming } from '../../ledger/privacy/erase-person.ts';
import type { Mask } from '../../ledger/privacy/redact.ts';
import { withoutNumbers } from '../../ledger/privacy/redact.ts';
import type { OutboxDb } from './outbox-schema.ts';

/** What was told is part of what is kept of people: it is rewritten and removed as the records are. */

const LOOK_THROUGH = 1_000;

export async function rewriteTold(
  tx: OutboxDb,
  callIds: readonly string[],
  change: <T>(value: T) => T,
): Promise<number> {
  const rows = await tx
    .selectFrom('publicEvents')
    .select(['id', 'data'])
    .where('callId', 'in', callIds)
    .execute();
  let count = 0;
  for (const row of rows) if (await rewriteOne(tx, row, change)) count += 1;
  return count;
}

async function rewriteOne(
  tx: OutboxDb,
  { id, data }: { id: string; data: string },
  change: <T>(value: T) => T,
): Promise<boolean> {
  const changed = JSON.stringify(change(JSON.parse(data)));
  if (changed === data) return false;
  await tx.updateTable('publicEvents').set({ data: changed }).where('id', '=', id).execute();
  return true;
}

export async function maskTold(db: OutboxDb, number: string, mask: Mask): Promise<number> {
  let count = 0;
  for await (const { id } of rowsNaming(db, 'publicEvents', 'data', number)) {
    const row = await db
      .selectFrom('publicEvents')
      .select(['id', 'data'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (row && (await rewriteOne(db, row, (value) => withoutNumbers(value, mask)))) {
      count += 1;
    }
  }
  return count;
}

export async function removeTold(tx: OutboxDb, callIds: readonly string[]): Promise<void> {
  const rows = await tx
    .selectFrom('publicEvents')
    .select('position')
    .where('callId', 'in', callIds)
    .execute();
  await removePositions(tx, rows);
}

/** What concerns no call, and what somebody still had to be told when its call's events went. */
export async function removeOldTold(db: OutboxDb, before: string): Promise<void> {
  let after = 0;
  for (;;) {
    // The oldest come first; what is young ends it.
    const rows = await db
      .selectFrom('publicEvents')
      .leftJoin('calls', 'calls.id', 'publicEvents.callId')
      .select(['position', 'timestamp', 'calls.id as known', 'eventsRemovedAt'])
      .where('position', '>', after)
      .orderBy('position')
      .limit(LOOK_THROUGH)
      .execute();
    const old = rows.filter(({ timestamp }) => timestamp < before);
    await db.transaction().execute((tx) =>
      removePositions(
        tx,
        old.filter(({ known, eventsRemovedAt }) => known === null || eventsRemovedAt !== null),
      ),
    );
    after = Number(rows.at(-1)?.position ?? 0);
    if (old.length === 0) return;
  }
}

/** But not what somebody still has to be told. */
async function removePositions(
  tx: OutboxDb,
  rows: readonly { readonly position: number | string }[],
): Promise<void> {
  for (let index = 0; index < rows.length; index += 500) {
    const positions = rows.slice(index, index + 500).map(({ position }) => position);
    const pending = await tx
      .selectFrom('deliveries')
      .select('position')
      .where('position', 'in', positions)
      .where('state', '=', 'pending')
      .execute();
    const waiting = new Set(pending.map(({ position }) => String(position)));
    const done = positions.filter((position) => !waiting.has(String(position)));
    if (done.length === 0) continue;
    await tx.deleteFrom('publicEvents').where('position', 'in', done).execute();
    const deliveries = tx.selectFrom('deliveries').select('id').where('position', 'in', done);
    await tx.deleteFrom('attempts').where('deliveryId', 'in', deliveries).execute();
    await tx.deleteFrom('deliveries').where('position', 'in', done).execute();
  }
}
