/** What a key may do, each with all before it. */
export const SCOPES = ['read', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** The tables of the API itself; made by the ledger's migrations. */
export type ApiSchema = {
  apiKeys: ApiKeyTable;
  idempotency: IdempotencyTable;
};

interface ApiKeyTable {
  id: string;
  name: string;
  scope: Scope;
  /** SHA-256 of the key, hex. */
  digest: string;
  createdAt: string;
  lastUsedAt: string | null;
}

/** `status` and `answer` are null while the request is being handled. */
interface IdempotencyTable {
  key: string;
  fingerprint: string;
  attempt: string;
  startedAt: string;
  status: number | null;
  answer: string | null;
}
