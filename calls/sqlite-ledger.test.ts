import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ledgerContract } from './fixtures/ledger-contract.ts';
import { openSqliteLedger } from './sqlite-ledger.ts';

const dir = mkdtempSync(join(tmpdir(), 'sqlite-'));
const path = join(dir, 'data', 'trunkline.sqlite');
afterAll(() => rmSync(dir, { recursive: true }));

describe('SQLite', () => {
  ledgerContract(
    () => openSqliteLedger(path),
    async () => rmSync(join(dir, 'data'), { recursive: true, force: true }),
  );

  test('only its owner can read the file', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a file that is no database is refused', async () => {
    const other = join(dir, 'notes.txt');
    writeFileSync(other, 'not a database, but long enough to be looked at by SQLite as one');
    await expect(openSqliteLedger(other)).rejects.toThrow('not a database');
  });
});
