import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { Migrator } from 'kysely/migration';
import { createCalls } from './0001-calls.ts';

export type Dialect = 'sqlite' | 'postgres';

/**
 * Brings the schema up to date, under the dialect's lock. Forwards only: a step that was released
 * is never changed, the next one repairs it.
 */
export async function migrate<Schema>(db: Kysely<Schema>, dialect: Dialect): Promise<void> {
  const steps: Record<string, Migration> = {
    '0001-calls': { up: (db) => createCalls(db, dialect) },
  };
  const migrator = new Migrator({ db, provider: { getMigrations: async () => steps } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    throw new Error('the ledger cannot be brought up to date', { cause: error });
  }
}
