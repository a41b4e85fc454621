import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Dialect } from '../dialect.ts';

/** Calls, what they are found by, and every event ever heard of. */
export async function createCalls(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('calls')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('direction', 'text', (column) => column.notNull())
    .addColumn('line', 'text')
    .addColumn('from_number', 'text')
    .addColumn('to_number', 'text')
    .addColumn('started_at', 'text', (column) => column.notNull())
    .addColumn('ended_at', 'text')
    .addColumn('sealed_at', 'text')
    .addColumn('touched_at', 'text', (column) => column.notNull())
    .addColumn('last_sequence', 'integer', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('calls_open')
    .on('calls')
    .column('touched_at')
    .where(sql.ref('sealed_at'), 'is', null)
    .execute();
  await db.schema.createIndex('calls_from').on('calls').columns(['from_number', 'id']).execute();
  await db.schema.createIndex('calls_to').on('calls').columns(['to_number', 'id']).execute();

  await db.schema
    .createTable('call_keys')
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('call_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('call_keys_pk', ['kind', 'key', 'call_id'])
    .execute();
  await db.schema.createIndex('call_keys_call').on('call_keys').column('call_id').execute();

  await db.schema
    .createTable('events')
    .addColumn('position', dialect === 'sqlite' ? 'integer' : 'bigint', (column) =>
      dialect === 'sqlite'
        ? column.primaryKey().autoIncrement()
        : column.primaryKey().generatedAlwaysAsIdentity(),
    )
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('call_id', 'text')
    .addColumn('sequence', 'integer')
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('received_at', 'text', (column) => column.notNull())
    .addColumn('late', 'integer', (column) => column.notNull())
    .addColumn('sip_call_id', 'text')
    .addColumn('participant_sid', 'text')
    .addColumn('room_sid', 'text')
    .addColumn('room_name', 'text')
    .addColumn('job_id', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('events_call')
    .on('events')
    .columns(['call_id', 'sequence'])
    .unique()
    .execute();
  // Events that no call is known for yet are looked up by what they name.
  for (const column of ['sip_call_id', 'participant_sid', 'room_sid', 'room_name', 'job_id']) {
    await db.schema
      .createIndex(`events_unassigned_${column}`)
      .on('events')
      .column(column)
      .where(sql.ref('call_id'), 'is', null)
      .execute();
  }
}
