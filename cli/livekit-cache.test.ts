import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isTrusted } from './livekit-cache.ts';
import { findLivekitServer } from './livekit-server.ts';

/** In `/tmp`, which is sticky: everybody writes, nobody replaces what is another's. */
let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-cache-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Something that says it is a livekit-server, and that it was run. */
function put(path: string, mode = 0o755): string {
  mkdirSync(dirname(path), { recursive: true });
  const ran = join(folder, 'ran');
  writeFileSync(path, `#!/bin/sh\necho x >> ${ran}\necho "livekit-server version 1.11.0"\n`);
  chmodSync(path, mode);
  return path;
}

const place = () => ({ own: join(folder, 'own', 'server'), shared: join(folder, 'all', 'server') });
const find = (cache = place()) =>
  findLivekitServer({ PATH: join(folder, 'bin') }, (line) => said.push(line), cache);

test('what is ours is used, and else what root has built', async () => {
  const { own, shared } = place();
  put(shared);
  expect(await find()).toMatchObject({ command: shared, source: 'cache' });
  put(own);
  expect(await find()).toMatchObject({ command: own, source: 'cache' });
  expect(said).toEqual([]);
});

test.each([
  ['a file that others can write', (path: string) => chmodSync(path, 0o757)],
  ['a folder that others can write', (path: string) => chmodSync(dirname(path), 0o777)],
])('%s is not even tried', async (_what, open) => {
  const { own } = place();
  open(put(own));
  await expect(find()).rejects.toThrow('livekit-server is missing');
  expect(said).toEqual([`${own} is not used: others than root and you can change it`]);
  expect(() => readFileSync(join(folder, 'ran'))).toThrow('ENOENT');
});

test('a sticky folder is as good as a closed one', async () => {
  const path = put(join(folder, 'sticky', 'server'));
  chmodSync(dirname(path), 0o1777);
  expect(await isTrusted(path)).toBe(true);
});

const isRoot = process.getuid?.() === 0;

test.runIf(isRoot)("another user's file is not tried", async () => {
  const { own } = place();
  put(own);
  spawnSync('chown', ['65534', own]);
  await expect(find()).rejects.toThrow('livekit-server is missing');
  expect(said).toHaveLength(1);
});

test.runIf(isRoot)('what root has is there for all, though not to be written', async () => {
  const { own, shared } = place();
  put(own);
  await find();
  expect(statSync(dirname(shared)).mode & 0o777).toBe(0o755);
  expect(statSync(shared).mode & 0o777).toBe(0o755);
  chmodSync(folder, 0o755);
  const run = spawnSync(shared, ['--version'], { uid: 65_534, gid: 65_534, encoding: 'utf8' });
  expect(run.stdout).toContain('1.11.0');
});
