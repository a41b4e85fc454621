import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { keysContract } from './fixtures/keys-contract.ts';
import { openSqliteStore } from './store.ts';

describe('SQLite', () => {
  const dir = mkdtempSync(join(tmpdir(), 'keys-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  let files = 0;

  keysContract(
    () => openSqliteStore(join(dir, `${files}.sqlite`)),
    async () => {
      files += 1;
    },
  );
});
