import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { ledgerContract } from '../fixtures/ledger-contract.ts';
import { NUMBERS, storageContract } from '../fixtures/storage-contract.ts';
import { connectSqlite } from './sqlite.ts';
import { openSqliteStore } from '../../api/store.ts';

const dir = mkdtempSync(join(tmpdir(), 'sqlite-'));
const path = join(dir, 'data', 'trunkline.sqlite');
afterAll(() => rmSync(dir, { recursive: true }));

describe('SQLite, what is stored', () => {
  storageContract({
    dialect: 'sqlite',
    open: () => openSqliteStore(path, NUMBERS),
    connect: () => connectSqlite(path),
    reset: async () => rmSync(join(dir, 'data'), { recursive: true, force: true }),
    run: async (sql) => {
      mkdirSync(join(dir, 'data'));
      const db = new DatabaseSync(path);
      db.exec(sql);
      db.close();
    },
  });
});

describe('SQLite', () => {
  ledgerContract(
    () => openSqliteStore(path),
    async () => rmSync(join(dir, 'data'), { recursive: true, force: true }),
  );

  test('two that open a new file at once bring it up to date once', async () => {
    const fresh = join(dir, 'fresh.sqlite');
    const script = `
      import { openSqliteStore } from ${JSON.stringify(join(import.meta.dirname, '../../api/store.ts'))};
      const ledger = await openSqliteStore(${JSON.stringify(fresh)});
      await ledger.probe();
      await ledger.close();`;
    const start = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    await Promise.all([start(), start(), start()]);
    expect(statSync(fresh).size).toBeGreaterThan(0);
  });

  test('what was erased is in none of its files, also when somebody reads them meanwhile', async () => {
    const folder = join(dir, 'erased');
    const file = join(folder, 'trunkline.sqlite');
    const ledger = await openSqliteStore(file, NUMBERS);
    const at = '2026-11-20T10:00:00.000Z';
    await ledger.record([
      {
        id: 'E_joined',
        source: 'webhook',
        at,
        correlation: { sipCallId: 'SCL_1', participantSid: 'PA_1', roomName: 'call-_+493012340_x' },
        type: 'participant.joined',
        data: {
          kind: 'sip',
          identity: 'sip_+493012340',
          sip: { direction: 'inbound', ingress: 'livekit-sip', from: '+493012340' },
        },
      },
    ]);
    const isThere = () =>
      readdirSync(folder).some((name) => readFileSync(join(folder, name)).includes('493012340'));
    expect(isThere()).toBe(true);
    const reader = new DatabaseSync(file);
    reader.exec('begin; select record from calls');
    const erasing = ledger.removal.erase('+493012340');
    await vi.waitFor(async () =>
      expect((await ledger.calls({ limit: 1 })).data[0]?.from).toBe('erased'),
    );
    reader.close();
    await erasing;
    expect(isThere()).toBe(false);
    await ledger.close();
  });

  test('only its owner can read the file', () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('a file that is no database is refused', async () => {
    const other = join(dir, 'notes.txt');
    writeFileSync(other, 'not a database, but long enough to be looked at by SQLite as one');
    await expect(openSqliteStore(other)).rejects.toThrow('not a database');
  });
});
