import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely';
import { Pool } from 'pg';
import type { Ledger } from './ledger.ts';
import { migrate } from './migrations/index.ts';
import type { LedgerSchema } from './schema.ts';
import { createSqlLedger } from './sql-ledger.ts';

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
/** A lock's number is all that identifies it; this one is "trunk" in ASCII. */
const WRITE_LOCK = 0x7472756e6bn;

/**
 * The ledger in PostgreSQL, brought up to date at start. Several call services may share it: one
 * of them writes at a time. Rejects when the database cannot be reached.
 *
 * @param url postgresql://…
 */
export async function openPostgresLedger(url: string): Promise<Ledger> {
  const pool = new Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks while idle is replaced by the pool; the next query says if not.
  pool.on('error', () => undefined);
  const db = new Kysely<LedgerSchema>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin()],
  });
  try {
    await migrate(db, 'postgres');
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return createSqlLedger(db, {
    async lock(tx) {
      await sql`select pg_advisory_xact_lock(${WRITE_LOCK})`.execute(tx);
    },
  });
}
