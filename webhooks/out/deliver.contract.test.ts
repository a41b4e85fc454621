import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PostgresServer } from '../../ledger/fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from '../../ledger/fixtures/postgres-server.ts';
import { openPostgresStore } from '../../api/store.ts';
import { TRACES, eventsOf } from '../in/fixtures/histories.ts';
import { deliver } from './deliver.ts';

const WAIT = { timeout: 30_000, interval: 50 };

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.close());

  test('three call services share the work: each event arrives once, in order per call', async () => {
    const ledgers = await Promise.all([1, 2, 3].map(() => openPostgresStore(postgres.url)));
    const [ledger] = ledgers;
    if (ledger === undefined) throw new Error('no ledger');
    let verifier: Webhook | undefined;
    const received: { id: string; callId: string; sequence: number }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        received.push(verifier?.verify(body, request.headers as never) as (typeof received)[0]);
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}/`;
    const { secret } = await ledger.outbox.endpoints.create({ url, events: ['*'] });
    verifier = new Webhook(secret);

    const dispatcher = new Agent();
    const log = pino({ level: 'silent' });
    const deliverers = ledgers.map((one) =>
      deliver({ announcements: one, dispatcher, log, lookEveryMs: 50 }),
    );
    const events = TRACES.flatMap((trace) => eventsOf(trace));
    await Promise.all(events.map((event, n) => (ledgers[n % 3] ?? ledger).record([event])));
    const told = await ledger.publicEvents({ limit: 1_000 });
    expect(told.length).toBeGreaterThan(20);
    await vi.waitFor(() => expect(received).toHaveLength(told.length), WAIT);
    for (const calls of Map.groupBy(received, ({ callId }) => callId).values()) {
      expect(calls.map(({ sequence }) => sequence)).toEqual(calls.map((_, n) => n + 1));
    }
    await vi.waitFor(async () => {
      const pending = await ledger.outbox.deliveries.list({ limit: 1, state: 'pending' });
      expect(pending.data).toEqual([]);
    }, WAIT);
    expect(received).toHaveLength(told.length);

    await Promise.all(deliverers.map((one) => one.close()));
    await dispatcher.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await Promise.all(ledgers.map((one) => one.close()));
  });
});
