import type { Kysely } from 'kysely';
import type { Dialect } from '../dialect.ts';

/** The log of public events, the endpoints that are told of them, and how that went. */
export async function createOutbox(db: Kysely<unknown>, dialect: Dialect): Promise<void> {
  await db.schema
    .createTable('public_events')
    .addColumn('position', dialect === 'sqlite' ? 'integer' : 'bigint', (column) =>
      dialect === 'sqlite'
        ? column.primaryKey().autoIncrement()
        : column.primaryKey().generatedByDefaultAsIdentity(),
    )
    .addColumn('id', 'text', (column) => column.notNull().unique())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('call_id', 'text')
    .addColumn('sequence', 'integer')
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('timestamp', 'text', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .addUniqueConstraint('public_events_sequence', ['call_id', 'sequence'])
    .addUniqueConstraint('public_events_key', ['call_id', 'key'])
    .execute();

  await db.schema
    .createTable('endpoints')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('events', 'text', (column) => column.notNull())
    .addColumn('secret', 'text', (column) => column.notNull())
    .addColumn('old_secret', 'text')
    .addColumn('old_secret_until', 'text')
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('disabled_at', 'text')
    .addColumn('disabled_reason', 'text')
    .addColumn('failing_since', 'text')
    .addColumn('paused_until', 'text')
    .execute();

  // No foreign keys: their locks would make telling wait for an endpoint that is being changed.
  await db.schema
    .createTable('deliveries')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('finished_at', 'text')
    .execute();
  await db.schema
    .createIndex('deliveries_stream')
    .on('deliveries')
    .columns(['endpoint_id', 'stream', 'state', 'position'])
    .execute();
  await db.schema
    .createIndex('deliveries_state')
    .on('deliveries')
    .columns(['state', 'id'])
    .execute();
  await db.schema.createIndex('deliveries_position').on('deliveries').column('position').execute();

  await db.schema
    .createTable('streams')
    .addColumn('endpoint_id', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('next_at', 'text', (column) => column.notNull())
    .addColumn('leased_by', 'text')
    .addColumn('leased_until', 'text')
    .addPrimaryKeyConstraint('streams_pk', ['endpoint_id', 'stream'])
    .execute();
  await db.schema
    .createIndex('streams_due')
    .on('streams')
    .columns(['endpoint_id', 'next_at'])
    .execute();

  await db.schema
    .createTable('attempts')
    .addColumn('delivery_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('status', 'integer')
    .addColumn('ms', 'integer', (column) => column.notNull())
    .addColumn('error', 'text')
    .addPrimaryKeyConstraint('attempts_pk', ['delivery_id', 'number'])
    .execute();
}
