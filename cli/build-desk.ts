import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'desk/dist');
/** What it was built from. */
const MARK = join(DIST, '.built-from');
/** What ends up in it; the lock file stands for the packages. */
const SOURCES = ['desk', 'client', 'package-lock.json'];

/**
 * Builds the pages of the desk, unless they are built from what is there now. Seconds.
 * Rejects with Vite's error when a source is wrong.
 */
export async function buildDesk(onProgress: (line: string) => void): Promise<void> {
  const sources = await digest();
  if (existsSync(MARK) && (await readFile(MARK, 'utf8')) === sources) return;
  onProgress('building the desk …');
  // Imported here: the image has the pages and not what builds them.
  const { build } = await import('vite');
  await build({ root: join(ROOT, 'desk'), logLevel: 'warn' });
  await mkdir(DIST, { recursive: true });
  await writeFile(MARK, sources);
}

async function digest(): Promise<string> {
  const hash = createHash('sha256');
  for (const source of SOURCES) {
    for (const file of await filesOf(join(ROOT, source))) {
      hash.update(`${relative(ROOT, file)}\n`).update(await readFile(file));
    }
  }
  return hash.digest('hex');
}

async function filesOf(path: string): Promise<string[]> {
  if (/\.\w+$/.test(path)) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.startsWith(DIST))
    .sort();
}

if (import.meta.main) await buildDesk((line) => process.stderr.write(`${line}\n`));
