import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CallEvent } from '../calls/events.ts';
import { keysContract } from './fixtures/keys-contract.ts';
import type { PostgresServer } from '../ledger/fixtures/postgres-server.ts';
import { hasPostgres, startPostgres } from '../ledger/fixtures/postgres-server.ts';
import { openPostgresStore } from './store.ts';
import { createClient } from '../client/index.ts';
import { KEY, startTestApp } from './fixtures/test-app.ts';

const CALLS = 60;

describe.skipIf(!hasPostgres)('PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  describe('keys and answers', () => {
    keysContract(
      () => openPostgresStore(server.url),
      () => server.reset(),
    );
  });

  test('a listener that moves between two services that both write hears all, once', async () => {
    await server.reset();
    const ledgers = await Promise.all([1, 2].map(() => openPostgresStore(server.url)));
    const apps = await Promise.all(ledgers.map((ledger) => startTestApp({ ledger })));
    const writing = ledgers.map(async (ledger, service) => {
      for (let n = 0; n < CALLS / 2; n += 1) await ledger.record([joined(`${service}_${n}`)]);
    });
    const seen: string[] = [];
    let after = '0';
    for (let turn = 0; seen.length < CALLS; turn += 1) {
      const client = createClient({ url: apps[turn % 2]?.url ?? '', apiKey: KEY });
      const stop = new AbortController();
      // A hop to the other service after every third event.
      for await (const event of client.events({
        after,
        types: ['call.initiated'],
        signal: stop.signal,
      })) {
        seen.push(event.id);
        after = event.position;
        if (seen.length % 3 === 0 || seen.length === CALLS) stop.abort();
        if (stop.signal.aborted) break;
      }
    }
    await Promise.all(writing);
    expect(new Set(seen).size).toBe(CALLS);
    await Promise.all(apps.map((app) => app.close()));
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });

  test('a key made at one service is known to the other, and so is its end', async () => {
    await server.reset();
    const ledgers = await Promise.all([1, 2].map(() => openPostgresStore(server.url)));
    const [one, two] = await Promise.all(ledgers.map((ledger) => startTestApp({ ledger })));
    const admin = createClient({ url: one?.url ?? '', apiKey: KEY });
    const { key, id } = await admin.keys.create({ name: 'x', scope: 'read' });
    const reader = createClient({ url: two?.url ?? '', apiKey: key });
    expect((await reader.calls.list()).data).toEqual([]);
    await admin.keys.delete(id);
    await vi.waitFor(() => expect(reader.calls.list()).rejects.toMatchObject({ status: 401 }));
    await Promise.all([one?.close(), two?.close()]);
    await Promise.all(ledgers.map((ledger) => ledger.close()));
  });
});

function joined(name: string): CallEvent {
  return {
    id: `E_${name}`,
    source: 'webhook',
    at: new Date().toISOString(),
    correlation: { sipCallId: `SCL_${name}`, participantSid: `PA_${name}`, roomSid: `RM_${name}` },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'sip_x',
      sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'ringing' },
    },
  };
}
