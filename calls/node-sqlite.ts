import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import type { SqliteDatabase, SqliteStatement } from 'kysely';

/** Another process (the CLI, a backup) may hold the write lock for a moment, ms. */
const BUSY_TIMEOUT_MS = 5_000;
/** Distinct statements kept prepared; the ledger has fewer. */
const MAX_STATEMENTS = 200;

/** Node's own SQLite in the shape that Kysely's SqliteDialect drives. Throws when it cannot open. */
export function openNodeSqlite(path: string): SqliteDatabase {
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  // FULL: what is acknowledged survives a power cut (sqlite.org/pragma.html#pragma_synchronous).
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on');
  const prepared = new Map<string, SqliteStatement>();
  return {
    prepare(sql) {
      const known = prepared.get(sql);
      if (known !== undefined) return known;
      const statement = adapt(db.prepare(sql));
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

function adapt(statement: StatementSync): SqliteStatement {
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
