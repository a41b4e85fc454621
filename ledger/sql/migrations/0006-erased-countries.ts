import type { Kysely } from 'kysely';

/** In whose national form a number that was erased may still come. */
export async function addErasedCountries(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('erasures').addColumn('country', 'text').execute();
}
