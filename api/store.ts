import type { Ledger } from '../ledger/ledger.ts';
import type { NumberRules } from '../ledger/privacy/erased-numbers.ts';
import type { Removal } from '../ledger/privacy/removal.ts';
import { createRemoval } from '../ledger/privacy/removal.ts';
import { openPostgres } from '../ledger/sql/postgres.ts';
import type { SqlStore } from '../ledger/sql/sql-ledger.ts';
import { createSqlLedger } from '../ledger/sql/sql-ledger.ts';
import { openSqlite } from '../ledger/sql/sqlite.ts';
import type { Announcements } from '../webhooks/out/announcements.ts';
import { createAnnouncements } from '../webhooks/out/announcements.ts';
import type { ApiKeyStore } from './api-key-store.ts';
import { createApiKeyStore } from './api-key-store.ts';
import type { IdempotencyStore } from './idempotency-store.ts';
import { createIdempotencyStore } from './idempotency-store.ts';
import type { ApiSchema } from './store-schema.ts';

/** All that a call service keeps, in one database: records, what is told of them, keys, answers. */
export interface Store extends Ledger, Announcements {
  readonly removal: Removal;
  readonly apiKeys: ApiKeyStore;
  readonly idempotency: IdempotencyStore;
}

/**
 * @param path made when missing
 * @param numbers without them nobody can be erased
 */
export async function openSqliteStore(path: string, numbers?: NumberRules): Promise<Store> {
  return createStore(await openSqlite(path), numbers);
}

/**
 * @param url postgresql://…
 * @param numbers without them nobody can be erased
 */
export async function openPostgresStore(url: string, numbers?: NumberRules): Promise<Store> {
  return createStore(await openPostgres(url), numbers);
}

function createStore(database: SqlStore, numbers: NumberRules | undefined): Store {
  const { announcer, ...announcements } = createAnnouncements(database);
  const ownTables = database.db.withTables<ApiSchema>();
  return {
    ...createSqlLedger(database, { announcer, numbers }),
    ...announcements,
    removal: createRemoval(database.db, { ...database, announcer, numbers }),
    apiKeys: createApiKeyStore(ownTables),
    idempotency: createIdempotencyStore(ownTables),
  };
}
