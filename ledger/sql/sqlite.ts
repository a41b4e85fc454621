import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CamelCasePlugin, Kysely, SqliteDialect, sql } from 'kysely';
import { makeFolder } from '../../config/make-folder.ts';
import { migrate } from './migrations/index.ts';
import { BUSY_TIMEOUT_MS, openNodeSqlite } from './node-sqlite.ts';
import type { LedgerSchema } from './schema.ts';
import { noLocks } from './row-locks.ts';
import type { SqlStore } from './sql-ledger.ts';
import { StoreBusyError } from '../store-errors.ts';

/** A backup or a dump reads the write-ahead log meanwhile: waited for so often and so long, ms. */
const TRUNCATE_ATTEMPTS = 10;
const TRUNCATE_EVERY_MS = 200;

/**
 * A SQLite file (made when missing, brought up to date), for one call service on one machine.
 * Rejects when the file cannot be opened or is no ledger.
 */
export async function openSqlite(path: string): Promise<SqlStore> {
  const db = await connectSqlite(path);
  return {
    dialect: 'sqlite',
    db,
    recordDb: db,
    locks: noLocks,
    publishLock: undefined,
    afterRemoval: () => truncateLog(db),
  };
}

/** Until then the write-ahead log has the pages as they were. */
async function truncateLog(db: Kysely<LedgerSchema>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const isDone = await db.connection().execute(async (connection) => {
      // SQLite itself waits by keeping the whole process from doing anything.
      await sql`pragma busy_timeout = 0`.execute(connection);
      const checkpoint = sql<{ busy: number }>`pragma wal_checkpoint(truncate)`;
      const { rows } = await checkpoint.execute(connection);
      await sql`pragma busy_timeout = ${sql.lit(BUSY_TIMEOUT_MS)}`.execute(connection);
      return rows[0]?.busy === 0;
    });
    if (isDone) return;
    if (attempt === TRUNCATE_ATTEMPTS) throw new StoreBusyError();
    await delay(TRUNCATE_EVERY_MS);
  }
}

/** As `openSqlite`, the connection alone. The caller's to destroy. */
export async function connectSqlite(path: string): Promise<Kysely<LedgerSchema>> {
  makeFolder(dirname(path));
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
