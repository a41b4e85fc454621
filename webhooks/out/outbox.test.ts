import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, vi } from 'vitest';
import { outboxContract } from './fixtures/outbox-contract.ts';
import { openSqliteStore } from '../../api/store.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const dir = mkdtempSync(join(tmpdir(), 'outbox-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('SQLite', () => {
  outboxContract(
    () => openSqliteStore(join(dir, 'data', 'trunkline.sqlite')),
    async () => rmSync(join(dir, 'data'), { recursive: true, force: true }),
  );
});
