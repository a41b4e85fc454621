import type { Kysely } from 'kysely';
import type { Page, PageQuery } from '../ledger/ledger.ts';
import type { ApiSchema, Scope } from './store-schema.ts';

export interface ApiKey {
  /** `key_` + ULID. */
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  readonly createdAt: string;
  /** To the minute. */
  readonly lastUsedAt: string | undefined;
}

/** API keys made over the API. The key itself is nowhere: only its digest. */
export interface ApiKeyStore {
  add(key: Omit<ApiKey, 'lastUsedAt'>, digest: string): Promise<void>;
  find(id: string): Promise<{ readonly key: ApiKey; readonly digest: string } | undefined>;
  /** Newest first. */
  list(query: PageQuery): Promise<Page<ApiKey>>;
  /** False when there is no such key. */
  remove(id: string): Promise<boolean>;
  touch(id: string, at: string): Promise<void>;
}

const COLUMNS = ['id', 'name', 'scope', 'createdAt', 'lastUsedAt'] as const;

export function createApiKeyStore(db: Kysely<ApiSchema>): ApiKeyStore {
  return {
    async add(key, digest) {
      await db
        .insertInto('apiKeys')
        .values({ ...key, digest, lastUsedAt: null })
        .execute();
    },

    async find(id) {
      const row = await db
        .selectFrom('apiKeys')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { digest, ...key } = row;
      return { key: { ...key, lastUsedAt: key.lastUsedAt ?? undefined }, digest };
    },

    async list({ limit, cursor }) {
      let query = db.selectFrom('apiKeys').select(COLUMNS).orderBy('id', 'desc');
      if (cursor !== undefined) query = query.where('id', '<', cursor);
      const rows = await query.limit(limit + 1).execute();
      const data = rows
        .slice(0, limit)
        .map((row) => ({ ...row, lastUsedAt: row.lastUsedAt ?? undefined }));
      return { data, nextCursor: rows.length > limit ? data.at(-1)?.id : undefined };
    },

    async remove(id) {
      const { numDeletedRows } = await db
        .deleteFrom('apiKeys')
        .where('id', '=', id)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },

    async touch(id, at) {
      await db.updateTable('apiKeys').set({ lastUsedAt: at }).where('id', '=', id).execute();
    },
  };
}
