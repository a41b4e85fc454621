import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fullDisk } from '../test/harness/full-disk.ts';
import { ConfigError } from './config-error.ts';
import { checkDataFolder } from './data-folder.ts';
import { makeFolder } from './make-folder.ts';
import { readEnv } from './read-env.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-data-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const check = (dataDir: string) =>
  checkDataFolder(dataDir, readEnv({ env: { TRUNKLINE_DATA_DIR: dataDir }, cwd: folder }));

test('is made with those above it, for its owner alone', () => {
  const path = join(folder, 'a', 'b');
  check(path);
  check(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

test.each([
  ['that a folder says there cannot be', () => '/proc/x'],
  ['that is a file', () => process.execPath],
  ['within a file', () => join(process.execPath, 'data')],
  ['on a full disk', () => fullDisk().dir],
  ['in the system', () => '/sys/trunkline'],
])('one %s is said in a sentence', (_what, dir) => {
  const path = dir();
  expect(() => check(path)).toThrow(ConfigError);
  expect(() => check(path)).toThrow(
    /^The configuration has 1 problem:\n {2}environment: TRUNKLINE_DATA_DIR should be a folder that can be written: E[A-Z]+: .*\.$/,
  );
});

test('a folder that is there is as good as made, a file is not', () => {
  writeFileSync(join(folder, 'file'), '');
  makeFolder(folder);
  expect(() => makeFolder(join(folder, 'file'))).toThrow('EEXIST');
});
