import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { hasPostgres, startPostgres } from '../ledger/fixtures/postgres-server.ts';
import { startCallService } from './harness/call-service.ts';
import { callOf, killPoints } from './harness/kill-points.ts';

/** `node bench/kill-points.ts` does 200 of the same. */
const POINTS = Number(process.env['KILL_POINTS'] ?? 5);

test.each(['sqlite', 'postgres'] as const)(
  'kill -9 at any moment loses nothing that was acknowledged: %s',
  async (database) => {
    if (database === 'postgres' && !hasPostgres) return;
    const found = await killPoints({ database, points: POINTS, seed: Date.now() });
    expect(found.problems).toEqual([]);
    expect(found.lost).toEqual([]);
    expect(found.acknowledged).toBeGreaterThan(POINTS);
  },
  60_000 + POINTS * 10_000,
);

test.skipIf(!hasPostgres)(
  'a database that is away: LiveKit is told to come again, and all goes on when it is back',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'away-'));
    const server = await startPostgres({ durable: true });
    const service = await startCallService(dir, server.url);
    const ready = async () => (await fetch(`${service.url}/readyz`)).status;
    try {
      const [first, second] = callOf('away');
      expect((await service.tell(first ?? {})).status).toBe(200);

      await server.stop('immediate');
      const refused = await service.tell(second ?? {});
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await ready()).toBe(503);
      expect((await fetch(`${service.url}/healthz`)).status).toBe(200);

      await server.start();
      await vi.waitFor(async () => expect(await ready()).toBe(200), 10_000);
      expect((await service.tell(second ?? {})).status).toBe(200);
      const stored = await server.sql('select id from events order by position');
      expect(stored).toEqual([{ id: first?.id }, { id: second?.id }]);
    } finally {
      await service.close();
      await server.close();
      await rm(dir, { recursive: true });
    }
  },
  120_000,
);
