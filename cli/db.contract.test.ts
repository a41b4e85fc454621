import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hasPostgres, startPostgres } from '../ledger/fixtures/postgres-server.ts';
import { openSqliteStore } from '../api/store.ts';
import { eventsOf } from '../webhooks/in/fixtures/histories.ts';
import { dbCommand } from './db.ts';

test.skipIf(!hasPostgres)('from SQLite to PostgreSQL and back, by files', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'db-move-'));
  const server = await startPostgres();
  onTestFinished(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });
  const file = (name: string) => join(dir, name);
  const db = async (...args: string[]) => {
    const said: string[] = [];
    const code = await dbCommand({ args, env: {}, cwd: dir, say: (line) => said.push(line) });
    expect([code, said.join('\n')]).toEqual([0, expect.stringMatching(/^(imported \d+ rows)?$/)]);
  };
  const ledger = await openSqliteStore(file('here.sqlite'));
  await ledger.record(eventsOf('inbound-novofon-caller-bye'));
  await ledger.close();

  await db('export', '--to', file('there'), '--database', file('here.sqlite'));
  await db('import', '--from', file('there'), '--database', server.url);
  await db('export', '--to', file('back'), '--database', server.url);
  await db('import', '--from', file('back'), '--database', file('back.sqlite'));
  await db('export', '--to', file('again'), '--database', file('back.sqlite'));
  expect(readFileSync(file('again'), 'utf8')).toBe(readFileSync(file('there'), 'utf8'));
  expect(statSync(file('there')).mode & 0o777).toBe(0o600);
});
