import { afterAll, beforeAll, describe } from 'vitest';
import { outboxContract } from './fixtures/outbox-contract.ts';
import type { PostgresServer } from './fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from './fixtures/postgres-server.ts';
import { openPostgresLedger } from './postgres-ledger.ts';

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  outboxContract(
    () => openPostgresLedger(server.url),
    () => server.reset(),
    { shared: true },
  );
});
