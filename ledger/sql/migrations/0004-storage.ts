import type { Kysely } from 'kysely';
import { sql } from 'kysely';

/** What retention and erasures have to know, and the row that is written to see if one can. */
export async function createStorage(db: Kysely<unknown>): Promise<void> {
  for (const column of ['events_removed_at', 'transcript_removed_at', 'erased_at']) {
    await db.schema.alterTable('calls').addColumn(column, 'text').execute();
  }
  for (const kind of ['events', 'transcript']) {
    await db.schema
      .createIndex(`calls_with_${kind}`)
      .on('calls')
      .column('ended_at')
      .where(sql.ref('sealed_at'), 'is not', null)
      .where(sql.ref(`${kind}_removed_at`), 'is', null)
      .execute();
  }
  await db.schema
    .createIndex('events_unassigned_received_at')
    .on('events')
    .column('received_at')
    .where(sql.ref('call_id'), 'is', null)
    .execute();
  // Events that say nothing but a room's name.
  await db.schema
    .createIndex('events_name_only')
    .on('events')
    .column('room_name')
    .where(sql.ref('room_sid'), 'is', null)
    .where(sql.ref('sip_call_id'), 'is', null)
    .where(sql.ref('participant_sid'), 'is', null)
    .where(sql.ref('job_id'), 'is', null)
    .execute();

  await db.schema
    .createTable('probes')
    .addColumn('id', 'integer', (column) => column.primaryKey().notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('erasures')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('number_hash', 'text', (column) => column.notNull())
    .addColumn('counts', 'text', (column) => column.notNull())
    .execute();
}
