import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

let app: TestApp;
beforeEach(async () => void (app = await startTestApp()));
afterEach(() => app.close());

test('calls as a table: filtered, all pages, and no formula of a caller', async () => {
  const at = new Date().toISOString();
  await app.ledger.record(
    Array.from({ length: 450 }, (_, n) => ({
      id: `EV_${n}`,
      source: 'webhook' as const,
      at,
      correlation: { sipCallId: `SCL_${n}`, participantSid: `PA_${n}`, roomSid: `RM_${n}` },
      type: 'participant.joined' as const,
      data: {
        kind: 'sip' as const,
        identity: `sip_${n}`,
        sip: {
          direction: 'inbound' as const,
          ingress: 'livekit-sip' as const,
          from: n === 0 ? '=cmd|calc' : `+1202555${String(n).padStart(4, '0')}`,
          to: n % 2 ? '+12025550100' : '+12025550101',
        },
      },
    })),
  );
  const response = await app.request('/v1/calls.csv');
  expect(response.headers.get('content-type')).toContain('text/csv');
  const lines = (await response.text()).trim().split('\n');
  expect(lines).toHaveLength(451);
  expect(lines[0]).toMatch(/^id,startedAt,.*,from,to,state,/);
  expect(lines.join('\n')).toContain("'=cmd|calc");

  const half = await app.request('/v1/calls.csv?to=%2B12025550100');
  expect((await half.text()).trim().split('\n')).toHaveLength(226);
  expect((await app.request('/v1/calls.csv', { key: 'wrong' })).status).toBe(401);
});
