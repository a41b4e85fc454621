import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openSqliteStore } from '../api/store.ts';
import { eventsOf } from '../webhooks/in/fixtures/histories.ts';
import { dbCommand } from './db.ts';

const dir = mkdtempSync(join(tmpdir(), 'db-'));
const source = join(dir, 'source.sqlite');
const dump = join(dir, 'dump.ndjson');
afterAll(() => rmSync(dir, { recursive: true }));

async function db(...args: string[]) {
  const said: string[] = [];
  const code = await dbCommand({ args, env: {}, cwd: dir, say: (line) => said.push(line) });
  return { code, said: said.join('\n') };
}

beforeAll(async () => {
  const ledger = await openSqliteStore(source);
  await ledger.record(eventsOf('inbound-novofon-caller-bye'));
  await ledger.close();
});

test('export and import make an equal ledger, once', async () => {
  const target = join(dir, 'target.sqlite');
  expect(await db('export', '--to', dump, '--database', source)).toEqual({ code: 0, said: '' });
  const taken = await db('import', '--from', dump, '--database', target);
  expect(taken.code).toBe(0);
  const copy = join(dir, 'copy.ndjson');
  await db('export', '--to', copy, '--database', target);
  expect(readFileSync(copy, 'utf8')).toBe(readFileSync(dump, 'utf8'));
  expect(await db('import', '--from', dump, '--database', target)).toEqual({
    code: 1,
    said: 'The target is not empty (calls): import goes into a new database only.',
  });
});

test('what cannot be done is said in a sentence', async () => {
  const nowhere = join(dir, 'none.sqlite');
  expect(await db('export', '--database', nowhere)).toEqual({
    code: 1,
    said: `There is no ledger: ${nowhere}.`,
  });
  const notes = join(dir, 'notes.txt');
  writeFileSync(notes, '{"hello": "world"}\n');
  const refused = await db('import', '--from', notes, '--database', join(dir, 'x.sqlite'));
  expect(refused).toEqual({ code: 1, said: 'This is not a dump of a Trunkline ledger.' });
  const missing = await db('import', '--from', nowhere, '--database', join(dir, 'y.sqlite'));
  expect(missing.code).toBe(1);
  expect(missing.said).toContain('ENOENT');
});
