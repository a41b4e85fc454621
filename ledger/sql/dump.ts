import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import { z } from 'zod';
import type { Dialect } from './dialect.ts';
import { LATEST_MIGRATION } from './migrations/index.ts';
import type { LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;

/** Every table that is moved, and what its rows are known by. `probes` tells nothing. */
export const DUMPED_TABLES = {
  calls: ['id'],
  call_keys: ['kind', 'key', 'call_id'],
  events: ['position'],
  public_events: ['position'],
  endpoints: ['id'],
  deliveries: ['id'],
  streams: ['endpoint_id', 'stream'],
  attempts: ['delivery_id', 'number'],
  api_keys: ['id'],
  idempotency: ['key'],
  erasures: ['id'],
  set_aside: ['id'],
} as const;
type Table = keyof typeof DUMPED_TABLES;
const TABLES = Object.keys(DUMPED_TABLES) as Table[];
/** Numbered by the database. */
const NUMBERED: readonly Table[] = ['events', 'public_events'];

const ROWS_AT_A_TIME = 500;

const Value = z.union([z.string(), z.number(), z.null()]);
type Row = Readonly<Record<string, z.infer<typeof Value>>>;

/** The lines of a dump: what it is, its rows, and how many there were. */
const Header = z.object({ trunkline: z.literal('ledger'), schema: z.string() });
const RowLine = z.tuple([z.enum(TABLES), z.record(z.string().regex(/^[a-z_]+$/), Value)]);
const Footer = z.object({ rows: z.number().int().nonnegative() });

/** A dump cannot be taken in; the message says why, and nothing was changed. */
export class DumpError extends Error {
  readonly code = 'dump';
}

/** All that the ledger holds, as it is at one moment, line by line (NDJSON). */
export async function* dumpLedger(db: Db, dialect: Dialect): AsyncGenerator<string> {
  yield JSON.stringify({ trunkline: 'ledger', schema: LATEST_MIGRATION });
  let count = 0;
  const connection = await snapshot(db, dialect);
  try {
    for (const table of TABLES) {
      let after: Row | undefined;
      for (;;) {
        const rows = await page(connection.db, table, after);
        for (const row of rows) yield JSON.stringify([table, row]);
        count += rows.length;
        after = rows.at(-1);
        if (rows.length < ROWS_AT_A_TIME || after === undefined) break;
      }
    }
  } finally {
    await connection.end();
  }
  yield JSON.stringify({ rows: count });
}

/**
 * Takes a dump into an empty ledger, whole or not at all. How many rows.
 * Throws `DumpError` when the ledger is not empty or the dump is not whole, or not of this version.
 */
export async function restoreLedger(
  db: Db,
  dialect: Dialect,
  lines: AsyncIterable<string>,
): Promise<number> {
  return db.transaction().execute(async (tx) => {
    await refuseUnlessEmpty(tx);
    let expected: number | undefined;
    let count = 0;
    let number = 0;
    let pending: { readonly table: Table; readonly rows: Row[] } | undefined;
    const flush = async () => {
      if (pending !== undefined) await insert(tx, dialect, pending.table, pending.rows);
      pending = undefined;
    };
    for await (const line of lines) {
      number += 1;
      const json = parseLine(line, number);
      if (number === 1) {
        checkHeader(json);
        continue;
      }
      if (expected !== undefined) throw new DumpError(`Line ${number} is after the end.`);
      const end = Footer.safeParse(json);
      if (end.success) {
        expected = end.data.rows;
        continue;
      }
      const parsed = RowLine.safeParse(json);
      if (!parsed.success) throw new DumpError(`Line ${number} is no row of a ledger.`);
      const [table, row] = parsed.data;
      if (pending?.table !== table || pending.rows.length >= ROWS_AT_A_TIME) await flush();
      pending ??= { table, rows: [] };
      pending.rows.push(row);
      count += 1;
    }
    await flush();
    if (expected !== count) throw new DumpError('The dump is not whole: its end is missing.');
    if (dialect === 'postgres') await continueNumbering(tx);
    return count;
  });
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DumpError(`Line ${number} is not JSON: the dump is cut off or damaged.`, { cause });
  }
}

function checkHeader(json: unknown): void {
  const header = Header.safeParse(json);
  if (!header.success) throw new DumpError('This is not a dump of a Trunkline ledger.');
  const { schema } = header.data;
  if (schema === LATEST_MIGRATION) return;
  throw new DumpError(
    `The dump is of schema ${schema}, and this version has ${LATEST_MIGRATION}: ` +
      `export it anew with this version, which brings the old database up to date first.`,
  );
}

async function refuseUnlessEmpty(tx: Db): Promise<void> {
  for (const table of TABLES) {
    const { rows } = await sql`select 1 from ${sql.table(table)} limit 1`.execute(tx);
    if (rows.length === 0) continue;
    throw new DumpError(
      `The target is not empty (${table}): import goes into a new database only.`,
    );
  }
}

async function insert(tx: Db, dialect: Dialect, table: Table, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {});
  const tuples = rows.map(
    (row) => sql`(${sql.join(columns.map((column) => sql.val(row[column] ?? null)))})`,
  );
  const given = dialect === 'postgres' ? sql`overriding system value` : sql``;
  // Portions that fit into SQLite's 32,766 parameters.
  for (let index = 0; index < tuples.length; index += 100) {
    await sql`insert into ${sql.table(table)} (${sql.join(columns.map((column) => sql.ref(column)))}) ${given} values ${sql.join(tuples.slice(index, index + 100))}`.execute(
      tx,
    );
  }
}

async function continueNumbering(tx: Db): Promise<void> {
  for (const table of NUMBERED) {
    await sql`select setval(pg_get_serial_sequence(${table}, 'position'), max(position)) from ${sql.table(table)} having max(position) is not null`.execute(
      tx,
    );
  }
}

async function page(db: Db, table: Table, after: Row | undefined): Promise<Row[]> {
  const key = sql.join(DUMPED_TABLES[table].map((column) => sql.ref(column)));
  const last = DUMPED_TABLES[table].map((column) => sql.val(after?.[column] ?? null));
  const rest = after === undefined ? sql`` : sql`where (${key}) > (${sql.join(last)})`;
  const { rows } =
    await sql<Row>`select * from ${sql.table(table)} ${rest} order by ${key} limit ${sql.lit(ROWS_AT_A_TIME)}`.execute(
      db.withoutPlugins(),
    );
  // PostgreSQL's bigint comes as text.
  return rows.map((row) =>
    typeof row['position'] === 'string' ? { ...row, position: Number(row['position']) } : row,
  );
}

/** One connection that sees the database as it is now, and keeps nobody from writing. */
async function snapshot(
  db: Db,
  dialect: Dialect,
): Promise<{ readonly db: Db; end(): Promise<void> }> {
  const ready = Promise.withResolvers<Db>();
  const done = Promise.withResolvers<void>();
  const running = db.connection().execute(async (connection) => {
    await sql
      .raw(
        dialect === 'postgres'
          ? 'begin isolation level repeatable read read only'
          : 'begin deferred',
      )
      .execute(connection);
    ready.resolve(connection);
    await done.promise;
    await sql`rollback`.execute(connection);
  });
  running.catch(ready.reject);
  return {
    db: await ready.promise,
    async end() {
      done.resolve();
      await running;
    },
  };
}
