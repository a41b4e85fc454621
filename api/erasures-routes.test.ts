import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { fastify } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Store } from './store.ts';
import { openSpool } from '../reporting/spool.ts';
import { openSqliteStore } from './store.ts';
import { loadConfig } from '../config/load-config.ts';
import { eventsOf } from '../webhooks/in/fixtures/histories.ts';
import { erasuresRoutes } from './erasures-routes.ts';
import { numberRules } from './number-plan.ts';
import { answerWithProblems } from './problems.ts';
import { sweepOld } from './retention.ts';

const CALLER = '+74950000001';
const OURS = '+73433009244';

let dir: string;
let ledger: Store;
let app: FastifyInstance;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'erasures-'));
  const env = { TRUNKLINE_DATA_DIR: dir, LIVEKIT_API_SECRET: 'a-secret-for-tests-of-some-length' };
  const loaded = loadConfig({ env, cwd: join(import.meta.dirname, '..') });
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'), numberRules(loaded));
  const lines = loaded.lines.map((line) => ({ ...line, numbers: [OURS] }));
  app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerWithProblems(app);
  await app.register(
    erasuresRoutes({ config: { ...loaded, dataDir: dir, lines }, removal: ledger.removal }),
  );
});
afterEach(async () => {
  await app.close();
  await ledger.close();
  rmSync(dir, { recursive: true });
});

const erase = (number: string) =>
  app.inject({ method: 'POST', url: '/v1/erasures', payload: { number } });

async function aCall(): Promise<string> {
  const recorded = await ledger.record(eventsOf('inbound-novofon-caller-bye'));
  const id = recorded.at(-1)?.callId ?? '';
  await ledger.seal([id], new Date().toISOString());
  return id;
}

test('a person is gone from ledger and spool; the receipt has no number', async () => {
  const id = await aCall();
  const spool = openSpool({
    dir: join(dir, 'spool'),
    maxBytes: 1e6,
    log: pino({ level: 'silent' }),
  });
  spool.append(JSON.stringify({ type: 'leg.invited', data: { from: CALLER } }));

  // As people write it, in the trunk's country.
  const response = await erase('8 (495) 000-00-01');
  expect(response.statusCode).toBe(200);
  const receipt = response.json<{ counts: Record<string, number> }>();
  expect(receipt.counts).toMatchObject({ calls: 1, reports: 1 });
  expect(response.body).not.toContain('4950000001');
  expect(JSON.stringify(await ledger.call(id))).not.toContain('4950000001');
  for (const file of readdirSync(dir).filter((name) => name.startsWith('trunkline.sqlite'))) {
    expect(readFileSync(join(dir, file)).includes('4950000001'), file).toBe(false);
  }
  expect(spool.peek(10)?.lines).toEqual([
    JSON.stringify({ type: 'leg.invited', data: { from: `+${'\u007f'.repeat(11)}` } }),
  ]);
  spool.close();

  const again = (await erase(CALLER)).json<{ counts: Record<string, number> }>();
  expect(Object.values(again.counts).every((count) => count === 0)).toBe(true);
});

test('what is no whole number, or one of ours, is refused', async () => {
  const id = await aCall();
  const before = await ledger.call(id);
  expect((await erase('0001')).statusCode).toBe(400);
  expect((await erase(OURS)).statusCode).toBe(409);
  expect(await ledger.call(id)).toEqual(before);
});

test('the daily sweep keeps what is set to be kept for good', async () => {
  const id = await aCall();
  const log = pino({ level: 'silent' });
  const in2Years = new Date(Date.now() + 2 * 366 * 86_400_000);
  const forGood = { eventsDays: 0, transcriptsDays: 0 };
  await sweepOld({ removal: ledger.removal, retention: forGood, log }, in2Years);
  expect((await ledger.events(id, { limit: 100 })).data).not.toEqual([]);
  const retention = { eventsDays: 365, transcriptsDays: 0 };
  await sweepOld({ removal: ledger.removal, retention, log }, in2Years);
  expect((await ledger.events(id, { limit: 100 })).data).toEqual([]);
});
