import type { Dialect } from '../dialect.ts';
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { createCalls } from './0001-calls.ts';
import { createOutbox } from './0002-outbox.ts';
import { createKeysAndIdempotency } from './0003-keys-and-idempotency.ts';
import { createStorage } from './0004-storage.ts';
import { createSetAside } from './0005-set-aside.ts';
import { addErasedCountries } from './0006-erased-countries.ts';
import { addSearch } from './0007-search.ts';

/** What a database of this version has been through last. */
export const LATEST_MIGRATION = '0007-search';

/**
 * Brings the schema up to date, under the dialect's lock. Forwards only: a step that was released
 * is never changed, the next one repairs it.
 */
export async function migrate<Schema>(db: Kysely<Schema>, dialect: Dialect): Promise<void> {
  if (dialect === 'postgres') return migrateWith(db, dialect);
  // Kysely does SQLite's steps without a lock and without a transaction.
  await db.connection().execute(async (connection) => {
    await sql`begin immediate`.execute(connection);
    try {
      await migrateWith(connection, dialect);
      await sql`commit`.execute(connection);
    } catch (error) {
      await sql`rollback`.execute(connection);
      throw error;
    }
  });
}

async function migrateWith<Schema>(db: Kysely<Schema>, dialect: Dialect): Promise<void> {
  const steps: Record<string, Migration> = {
    '0001-calls': { up: (db) => createCalls(db, dialect) },
    '0002-outbox': { up: (db) => createOutbox(db, dialect) },
    '0003-keys-and-idempotency': { up: createKeysAndIdempotency },
    '0004-storage': { up: createStorage },
    '0005-set-aside': { up: createSetAside },
    '0006-erased-countries': { up: addErasedCountries },
    [LATEST_MIGRATION]: { up: (db) => addSearch(db, dialect) },
  };
  const migrator = new Migrator({ db, provider: { getMigrations: async () => steps } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new Error('the ledger cannot be brought up to date', { cause: error });
  }
}
