import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** Another process (the CLI, a backup) may hold the write lock for a moment, ms. */
export const BUSY_TIMEOUT_MS = 5_000;
/** Distinct statements kept prepared; the ledger has fewer. */
const MAX_STATEMENTS = 200;

/**
 * Every transaction of ours writes: it waits for its turn at the beginning, because one that has
 * read already cannot wait any more (sqlite.org/isolation.html).
 */
const BEGIN: Readonly<Record<string, string>> = { begin: 'begin immediate' };

/** Node's own SQLite in the shape that Kysely's SqliteDialect drives. Throws when it cannot open. */
export function openNodeSqlite(path: string): SqliteDatabase {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  // FULL: what is acknowledged survives a power cut (sqlite.org/pragma.html#pragma_synchronous).
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
  // What is removed is overwritten, not only forgotten (sqlite.org/pragma.html#pragma_secure_delete).
  db.exec('pragma secure_delete = on');
  // A checkpoint copies each page once, however often it was written: seldom is cheap.
  db.exec('pragma wal_autocheckpoint = 8000; pragma cache_size = -16384');
  const prepared = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      const statement = sql === 'rollback' ? rollback(db) : adapt(db.prepare(BEGIN[sql] ?? sql));
      if (prepared.size < MAX_STATEMENTS) prepared.set(sql, statement);
      return statement;
    },
    close() {
      prepared.clear();
      db.close();
    },
  };
}

const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[];

/** A full disk or an I/O error has ended the transaction already (sqlite.org/lang_transaction.html). */
function rollback(db: DatabaseSync): SqliteStatement {
  const statement = adapt(db.prepare('rollback'));
  const none = { changes: 0, lastInsertRowid: 0 };
  return {
    ...statement,
    run: (parameters) => (db.isTransaction ? statement.run(parameters) : none),
  };
}

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
