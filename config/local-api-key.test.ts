import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { localApiKey } from './local-api-key.ts';

test('is a configured key as it is sent, else the one in the data folder', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-key-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  expect(localApiKey({ apiKeys: ['operate:0123456789abcdef', 'x'], dataDir })).toBe(
    '0123456789abcdef',
  );
  expect(localApiKey({ apiKeys: ['0123456789abcdef'], dataDir })).toBe('0123456789abcdef');
  expect(() => localApiKey({ apiKeys: [], dataDir })).toThrow('ENOENT');
  writeFileSync(join(dataDir, 'api-key'), 'tl_made\n');
  expect(localApiKey({ apiKeys: [], dataDir })).toBe('tl_made');
});
