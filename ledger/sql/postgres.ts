import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely';
import type { PostgresPool } from 'kysely';
import { Client, Pool } from 'pg';
import type { PoolConfig } from 'pg';
import { migrate } from './migrations/index.ts';
import { postgresLocks } from './row-locks.ts';
import type { LedgerSchema } from './schema.ts';
import type { SqlStore } from './sql-ledger.ts';

const MAX_CONNECTIONS = 10;
/** Of them for recording: for what comes, for sealing, and for what is tried again. */
const RECORDING_CONNECTIONS = 3;
/** Texts of statements that are prepared: more than there are, see `lists.ts`. */
const MAX_STATEMENTS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * What the server itself ends, so that a process that hangs, or a row that somebody has locked,
 * holds up nobody for longer: LiveKit waits for some seconds.
 */
const SERVER_TIMEOUTS = {
  /** Rows that are waited for at all are held for moments. */
  lock_timeout: 2_000,
  statement_timeout: 5_000,
  /** Its locks go with a transaction whose process is gone or stopped. */
  idle_in_transaction_session_timeout: 5_000,
  /** A server that does not answer is as good as away. */
  query_timeout: 10_000,
} as const;
/**
 * Statements are planned for the tables as they are. A plan that is kept is made while they are
 * empty, reads them from end to end, and is used until autovacuum has looked at them, a minute and
 * thousands of events later.
 */
const PLAN_ANEW = '-c plan_cache_mode=force_custom_plan';
/** What is looked for was written moments ago, and is in memory. */
const BY_INDEX = '-c random_page_cost=1.1';
/** A lock's number is all that identifies it; this one is "tell" in ASCII. */
const PUBLISH_LOCK = 0x74656c6cn;

/**
 * PostgreSQL, brought up to date. Several call services may share it: they write side by side, but
 * for what is about one call. Rejects when the database cannot be reached.
 *
 * @param url postgresql://…
 */
export async function openPostgres(url: string): Promise<SqlStore> {
  const migrating = await connectPostgres(url);
  await migrating.destroy();
  const open = (max: number) => kyselyOn(url, { max, ...SERVER_TIMEOUTS });
  return {
    dialect: 'postgres',
    db: open(MAX_CONNECTIONS - RECORDING_CONNECTIONS),
    recordDb: open(RECORDING_CONNECTIONS),
    locks: postgresLocks,
    async publishLock(tx) {
      await sql`select pg_advisory_xact_lock(${PUBLISH_LOCK})`.execute(tx);
    },
    afterRemoval: () => vacuum(url),
  };
}

/**
 * Rows as they were are not to be found any more, nor are they in the planner's statistics, which
 * quote numbers. Takes as long as it takes, so on a connection of its own.
 */
async function vacuum(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('vacuum (analyze) calls, call_keys, events, public_events');
  } finally {
    await client.end();
  }
}

/**
 * The database, brought up to date, for whoever takes their time: nothing is cut short. The
 * caller's to destroy.
 */
export async function connectPostgres(url: string): Promise<Kysely<LedgerSchema>> {
  const db = kyselyOn(url, { max: 1 });
  try {
    await migrate(db, 'postgres');
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return db;
}

function kyselyOn(url: string, options: PoolConfig): Kysely<LedgerSchema> {
  const pool = new Pool({
    connectionString: url,
    options: `${PLAN_ANEW} ${BY_INDEX}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...options,
  });
  // A connection that breaks is replaced by the pool; the next query says if not. The pool listens
  // to its idle ones only: one that breaks between two queries would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return new Kysely<LedgerSchema>({
    dialect: new PostgresDialect({ pool: prepared(pool) }),
    plugins: [new CamelCasePlugin()],
  });
}

/**
 * Statements are parsed once for each connection. PostgreSQL's text takes no NUL, and a
 * header or a query may hold one: it is left out.
 */
function prepared(pool: Pool): PostgresPool {
  const names = new Map<string, string>();
  const nameOf = (text: string): string | undefined => {
    if (names.size < MAX_STATEMENTS && !names.has(text)) names.set(text, `s${names.size}`);
    return names.get(text);
  };
  return {
    options: pool.options,
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect();
      const query = (text: string, values: readonly unknown[] = []) => {
        const name = nameOf(text);
        return client.query({ text, values: values.map(withoutNul), ...(name && { name }) });
      };
      return { query, release: (destroy?: boolean) => client.release(destroy) } as never;
    },
  };
}

function withoutNul(value: unknown): unknown {
  return typeof value === 'string' ? value.replaceAll('\0', '') : value;
}
