import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { CamelCasePlugin, Kysely, SqliteDialect, sql } from 'kysely';
import type { Ledger } from './ledger.ts';
import { migrate } from './migrations/index.ts';
import { openNodeSqlite } from './node-sqlite.ts';
import type { LedgerSchema } from './schema.ts';
import { createSqlLedger } from './sql-ledger.ts';

/**
 * The ledger in a SQLite file (made when missing, brought up to date), for one call service on
 * one machine. Rejects when the file cannot be opened or is no ledger.
 */
export async function openSqliteLedger(path: string): Promise<Ledger> {
  const db = await connectSqlite(path);
  return createSqlLedger(db, {
    // Until then the write-ahead log has the pages as they were.
    async afterRemoval() {
      await sql`pragma wal_checkpoint(truncate)`.execute(db);
    },
  });
}

/** As `openSqliteLedger`, without what makes a ledger of it. The caller's to destroy. */
export async function connectSqlite(path: string): Promise<Kysely<LedgerSchema>> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // What callers said is for the owner's eyes; SQLite gives its other files the same mode.
  closeSync(openSync(path, 'a', 0o600));
  const db = new Kysely<LedgerSchema>({
    dialect: new SqliteDialect({ database: openNodeSqlite(path) }),
    plugins: [new CamelCasePlugin()],
  });
  try {
    await migrate(db, 'sqlite');
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}
