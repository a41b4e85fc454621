import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { history, outboxContract } from './fixtures/outbox-contract.ts';
import type { PostgresServer } from '../../ledger/fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from '../../ledger/fixtures/postgres-server.ts';
import { openPostgresStore } from '../../api/store.ts';

/** A commit that publishes about the call `slow` takes a second. */
const SLOW_COMMIT = `
  create function be_slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(1); return null; end $$;
  create constraint trigger slow after insert on public_events deferrable initially deferred
    for each row when (new.type = 'room.started' and new.data like '%room-slow%')
    execute function be_slow()`;

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  outboxContract(
    () => openPostgresStore(server.url),
    () => server.reset(),
    { shared: true },
  );

  test('a reader does not miss what a slower process had begun to publish before', async () => {
    await server.reset();
    const [one, other] = [await openPostgresStore(server.url), await openPostgresStore(server.url)];
    await server.sql(SLOW_COMMIT);
    const slow = one.record(history('slow'));
    await vi.waitFor(async () => {
      const sleeping = "select 1 from pg_stat_activity where wait_event = 'PgSleep'";
      expect(await server.sql(sleeping)).toHaveLength(1);
    });
    await other.record(history('quick'));
    const first = await other.publicEvents({ limit: 1_000 });
    await slow;
    const rest = await other.publicEvents({ limit: 1_000, after: first.at(-1)?.position });
    const all = await other.publicEvents({ limit: 1_000 });
    expect([...first, ...rest]).toEqual(all);
    expect(new Set(all.map(({ callId }) => callId)).size).toBe(2);
    await one.close();
    await other.close();
  });
});
