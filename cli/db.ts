import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DumpError, dumpLedger, restoreLedger } from '../ledger/sql/dump.ts';
import { connectPostgres } from '../ledger/sql/postgres.ts';
import { connectSqlite } from '../ledger/sql/sqlite.ts';
import { loadConfig } from '../config/load-config.ts';
import { readArguments, UsageError } from '../config/read-arguments.ts';

const USAGE = `Moves a ledger from one database to another.

  trunkline db export [--to <file>] [--database <url or file>]
  trunkline db import [--from <file>] [--database <url or file>]

export writes all that the ledger holds as lines of JSON, as it is at one moment; import takes that
into an empty database, whole or not at all. Without a file: stdout and stdin. Without --database:
the configured one (DATABASE_URL, or the SQLite file in the data folder). Other users of this
machine can see what is typed here: let PGPASSWORD or ~/.pgpass have the password.

From SQLite to PostgreSQL, with the call service stopped:
  npm run --silent trunkline -- db export --to ledger.ndjson
  npm run --silent trunkline -- db import --from ledger.ndjson --database postgresql://…`;

export interface DbCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** For the person at the terminal. */
  readonly say: (line: string) => void;
}

/**
 * `trunkline db …`: moves a ledger from one database to another. The exit code.
 * @throws {UsageError}
 */
export async function dbCommand({ args, env, cwd, say }: DbCommand): Promise<number> {
  const { values: options, positionals } = readArguments(args, OPTIONS, 1);
  if (options.help) {
    say(USAGE);
    return 0;
  }
  const [action] = positionals;
  if (action !== 'export' && action !== 'import') {
    throw new UsageError(
      action === undefined
        ? 'export or import?'
        : `There is no "${action}"; there is: export, import.`,
    );
  }
  const other = action === 'export' ? 'from' : 'to';
  if (options[other] !== undefined) {
    throw new UsageError(
      `${action} takes --${action === 'export' ? 'to' : 'from'}, not --${other}.`,
    );
  }
  const database = options.database ?? configured(env, cwd);
  const isUrl = /^postgres(?:ql)?:/.test(database);
  const dialect = isUrl ? 'postgres' : 'sqlite';
  if (action === 'export' && !isUrl && !existsSync(database)) {
    say(`There is no ledger: ${database}.`);
    return 1;
  }
  try {
    const db = isUrl ? await connectPostgres(database) : await connectSqlite(database);
    try {
      if (action === 'export') {
        const to =
          options.to === undefined
            ? process.stdout
            : createWriteStream(options.to, { mode: 0o600 });
        const lines = Readable.from(withNewlines(dumpLedger(db, dialect)));
        await pipeline(lines, to, { end: to !== process.stdout });
        return 0;
      }
      const input = options.from === undefined ? process.stdin : createReadStream(options.from);
      const rows = await restoreLedger(db, dialect, linesOf(input));
      say(`imported ${rows} rows`);
      return 0;
    } finally {
      await db.destroy();
    }
  } catch (error) {
    say(error instanceof DumpError ? error.message : `It failed: ${reason(error)}.`);
    return 1;
  }
}

const text = { type: 'string' } as const;
const OPTIONS = {
  to: text,
  from: text,
  database: text,
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function configured(env: NodeJS.ProcessEnv, cwd: string): string {
  const config = loadConfig({ env, cwd, uses: ['databaseUrl', 'dataDir'] });
  return config.databaseUrl ?? join(config.dataDir, 'trunkline.sqlite');
}

/** Not by `node:readline`: it loses what it has read before somebody asks. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of input.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

/** The innermost one says what is wrong. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reason(error.cause);
}
