import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dumpLedger, restoreLedger } from './dump.ts';
import type { CallEvent } from '../../calls/events.ts';
import { interleaved } from '../fixtures/interleaved.ts';
import { ledgerContract } from '../fixtures/ledger-contract.ts';
import type { PostgresServer } from '../fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from '../fixtures/postgres-server.ts';
import { runWriters } from '../fixtures/run-writers.ts';
import { NUMBERS, collect, storageContract } from '../fixtures/storage-contract.ts';
import { connectPostgres } from './postgres.ts';
import { openPostgresStore, openSqliteStore } from '../../api/store.ts';
import { isAway } from '../store-errors.ts';
import { connectSqlite } from './sqlite.ts';

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  ledgerContract(
    () => openPostgresStore(server.url),
    () => server.reset(),
  );

  describe('what is stored', () => {
    storageContract({
      dialect: 'postgres',
      open: () => openPostgresStore(server.url, NUMBERS),
      connect: () => connectPostgres(server.url),
      reset: () => server.reset(),
      run: async (sql) => void (await server.sql(sql)),
    });
  });

  test('what was erased is not quoted by the planner, nor kept in rows as they were', async () => {
    await server.reset();
    const ledger = await openPostgresStore(server.url, NUMBERS);
    for (const event of interleaved(1)) {
      if (event.type !== 'participant.joined' || !event.data.sip) continue;
      const sip = { ...event.data.sip, from: '+74950000001' };
      await ledger.record([{ ...event, data: { ...event.data, sip } }]);
    }
    await server.sql('analyze');
    const quoted = () =>
      server.sql(`select attname from pg_stats where schemaname = 'public' and
        pg_stats::text like '%74950000001%'`);
    expect(await quoted()).not.toEqual([]);
    await ledger.removal.erase('+74950000001');
    expect(await quoted()).toEqual([]);
    const dead = await server.sql(`select sum(n_dead_tup)::int as rows from pg_stat_all_tables
      where relname in ('calls', 'call_keys', 'events', 'public_events')`);
    expect(dead).toEqual([{ rows: 0 }]);
    await ledger.close();
  });

  test('events are found by an index, also in tables that were empty when the first came', async () => {
    await server.reset();
    const ledger = await openPostgresStore(server.url, NUMBERS);
    // As a call service does at its start: the planner has counted the rows, and there are none.
    await ledger.removal.sweep({ eventsBefore: undefined, transcriptsBefore: undefined });
    for (let n = 0; n < 400; n += 1) await ledger.record([arrival(`${n}`)]);
    await ledger.close();
    const read = () =>
      server.sql(`select n_live_tup::int as rows, seq_tup_read::int as read
        from pg_stat_user_tables where relname = 'events'`);
    // A connection tells its figures as it ends.
    await expect.poll(read).toMatchObject([{ rows: 400 }]);
    const [events] = (await read()) as { read: number }[];
    expect(events?.read).toBeLessThan(400 * 100);
  });

  test('a dump of SQLite comes out of PostgreSQL as it went in', async () => {
    await server.reset();
    const dir = await mkdtemp(join(tmpdir(), 'dump-'));
    const path = join(dir, 'ledger.sqlite');
    const ledger = await openSqliteStore(path);
    for (const event of interleaved(1)) await ledger.record([event]);
    await ledger.close();
    const sqlite = await connectSqlite(path);
    const postgres = await connectPostgres(server.url);
    await restoreLedger(postgres, 'postgres', dumpLedger(sqlite, 'sqlite'));
    const there = await collect(dumpLedger(postgres, 'postgres'));
    const here = await collect(dumpLedger(sqlite, 'sqlite'));
    expect(there.toSorted()).toEqual(here.toSorted());
    await sqlite.destroy();
    await postgres.destroy();
    await rm(dir, { recursive: true });
  });

  test('four processes that write of the same calls at once make the records of one', async () => {
    await server.reset();
    const alone = await runWriters(server.url, 1);
    await server.reset();
    const together = await runWriters(server.url, 4);
    expect(together).toEqual(alone);
    expect(alone.length).toBeGreaterThan(10);
  });

  test('services that start at once bring the schema up to date once', async () => {
    await server.reset();
    const opened = await Promise.all([1, 2, 3].map(() => openPostgresStore(server.url)));
    await Promise.all(opened.map((ledger) => ledger.probe()));
    await Promise.all(opened.map((ledger) => ledger.close()));
  });

  test('a server that is away is an error at once, and none when it is back', async () => {
    await server.reset();
    const ledger = await openPostgresStore(server.url);
    await ledger.probe();
    await server.stop('immediate');
    const refused = await Promise.allSettled(
      Array.from({ length: 300 }, (_, n) =>
        ledger.record([
          {
            id: `EV_away_${n}`,
            source: 'webhook',
            at: '2026-11-20T10:00:00.000Z',
            correlation: { roomSid: `RM_${n}` },
            type: 'room.finished',
            data: {},
          },
        ]),
      ),
    );
    expect(new Set(refused.map(({ status }) => status))).toEqual(new Set(['rejected']));
    const reasons = refused.map((one) => one.status === 'rejected' && one.reason);
    expect(reasons.filter((reason) => !isAway(reason))).toEqual([]);
    await expect(ledger.probe()).rejects.toSatisfy(isAway);
    await server.start();
    await ledger.probe();
    await ledger.close();
  });

  test('a connection that breaks in the midst of a transaction breaks only that', async () => {
    const db = await connectPostgres(server.url);
    const broken = db.transaction().execute(async (tx) => {
      const { pid } = await tx
        .selectNoFrom(() => sql<number>`pg_backend_pid()`.as('pid'))
        .executeTakeFirstOrThrow();
      await server.sql(`select pg_terminate_backend(${pid}, 10000)`);
      await new Promise((resolve) => setImmediate(resolve));
      await sql`select 1`.execute(tx);
    });
    await expect(broken).rejects.toSatisfy(isAway);
    await sql`select 1`.execute(db);
    await db.destroy();
  });
});

/** Somebody comes into a room that nobody else is in. */
function arrival(name: string): CallEvent {
  const at = '2026-11-20T10:00:00.000Z';
  return {
    id: `EV_${name}`,
    source: 'webhook',
    at,
    correlation: {
      roomSid: `RM_${name}`,
      roomName: `room-${name}`,
      sipCallId: `SCL_${name}`,
      participantSid: `PA_${name}`,
    },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'caller',
      joinedAt: at,
      sip: { direction: 'inbound', ingress: 'livekit-sip' },
    },
  };
}
