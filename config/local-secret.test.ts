import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureLocalSecret } from './local-secret.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-secret-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('makes a secret once that only its owner reads', () => {
  const dataDir = join(folder, 'data');
  const secret = ensureLocalSecret(dataDir);
  expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(ensureLocalSecret(dataDir)).toBe(secret);
  expect(statSync(join(dataDir, 'livekit-secret')).mode & 0o777).toBe(0o600);
});

test('makes another one for another folder', () => {
  expect(ensureLocalSecret(join(folder, 'a'))).not.toBe(ensureLocalSecret(join(folder, 'b')));
});
