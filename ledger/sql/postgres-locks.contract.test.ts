import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CallEvent } from '../../calls/events.ts';
import type { PostgresServer } from '../fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from '../fixtures/postgres-server.ts';
import type { Store } from '../../api/store.ts';
import { openPostgresStore } from '../../api/store.ts';

/** Somebody comes into a room, or goes. */
function caller(name: string, type: 'joined' | 'left' = 'joined'): CallEvent {
  const at = '2026-11-20T10:00:00.000Z';
  return {
    id: `E_${name}_${type}`,
    source: 'webhook',
    at,
    correlation: { sipCallId: `SCL_${name}`, participantSid: `PA_${name}`, roomSid: `RM_${name}` },
    type: `participant.${type}`,
    data: {
      kind: 'sip',
      identity: 'sip_x',
      joinedAt: at,
      sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'hangup' },
      reason: 'left',
    },
  } as CallEvent;
}

const OTHERS = Array.from({ length: 40 }, (_, n) => `o${n}`);
const outcome = ([recorded]: Awaited<ReturnType<Store['record']>>) => recorded?.outcome;
const never = () => {
  throw new Error('not asked');
};

describe.skipIf(!hasPostgres)('PostgreSQL, while somebody holds what is one call’s', () => {
  let server: PostgresServer;
  let ledger: Store;
  /** Somebody in the midst of a transaction. */
  let holder: Client;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    await server.reset();
    ledger = await openPostgresStore(server.url);
    await ledger.outbox.endpoints.create({ url: 'https://x.test', events: ['*'] });
    await ledger.record(['stuck', ...OTHERS].map((name) => caller(name)));
    holder = new Client({ connectionString: server.url });
    await holder.connect();
    await holder.query('begin');
  });
  afterEach(async () => {
    await holder.end();
    await ledger.close();
  });

  test('its row: it alone waits, is set aside, and is as it should be afterwards', async () => {
    await holder.query(`select * from calls where id =
      (select call_id from call_keys where key = 'SCL_stuck') for update`);
    const waiting = ledger.record([caller('stuck', 'left')]);
    const others = OTHERS.map((name) => ledger.record([caller(name, 'left')]));
    expect(new Set((await Promise.all(others)).map(outcome))).toEqual(new Set(['applied']));
    expect(outcome(await waiting)).toBe('set_aside');
    expect(await ledger.setAside.retry(new Date(Date.now() + 2_000), never)).toBe(0);

    const at = new Date().toISOString();
    const open = (await ledger.openCalls()).map(({ call }) => call.id);
    expect(await ledger.seal(open, at)).toHaveLength(OTHERS.length);
    await holder.query('commit');
    expect(await ledger.setAside.retry(new Date(Date.now() + 10_000), never)).toBe(1);
    const [{ call } = { call: undefined }] = await ledger.openCalls();
    expect(call).toMatchObject({ state: 'ended', ending: { reason: 'cancelled' } });
    expect(await ledger.seal([call?.id ?? ''], at)).toHaveLength(1);
  });

  test('its row for a moment: it waits that long', async () => {
    await holder.query('select * from calls for update');
    const waiting = ledger.record([caller('stuck', 'left')]);
    await holder.query('commit');
    expect(outcome(await waiting)).toBe('applied');
  });

  test('what is sent of it: the others are recorded', async () => {
    const { rows } = await holder.query(`select * from streams where stream =
      (select call_id from call_keys where key = 'SCL_stuck') for update`);
    expect(rows).toHaveLength(1);
    const recorded = await Promise.all(
      ['stuck', ...OTHERS].map((name) => ledger.record([caller(name, 'left')])),
    );
    expect(recorded.map(outcome)).toEqual(['set_aside', ...OTHERS.map(() => 'applied')]);
    await holder.query('commit');
    expect(await ledger.setAside.retry(new Date(Date.now() + 10_000), never)).toBe(1);
  });

  test('a statement that takes too long is ended by the server, and fails alone', async () => {
    await holder.query(`create function slow() returns trigger language plpgsql
      as $$ begin perform pg_sleep(60); return new; end $$`);
    await holder.query(`create trigger slow before insert on events for each row
      when (new.id = 'E_stuck_left') execute function slow()`);
    await holder.query('commit');
    const recorded = await ledger.record(['stuck', 'o1'].map((name) => caller(name, 'left')));
    expect(recorded.map(({ outcome }) => outcome)).toEqual(['set_aside', 'applied']);
    expect(recorded[0]?.reason).toContain('57014');
  });

  test('and is gone in the midst of it, the server lets go', async () => {
    await holder.query(
      `create table seen as select name, setting::int from pg_settings where false`,
    );
    await holder.query(`create function note() returns trigger language plpgsql as $$ begin
      insert into seen select name, setting::int from pg_settings where name like '%timeout';
      return new; end $$`);
    await holder.query(
      'create trigger note before insert on events for each row execute function note()',
    );
    await holder.query('commit');
    await ledger.record([caller('new')]);
    const { rows } = await holder.query<{ name: string; setting: number }>(
      `select * from seen where name in
        ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout')`,
    );
    expect(rows).toHaveLength(3);
    expect(rows.filter(({ setting }) => setting === 0 || setting > 5_000)).toEqual([]);
  });
});
