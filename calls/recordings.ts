import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Recordings are files or folders whose names begin with their call's id. */
const NAME = /^(call_[0-9A-HJKMNP-TV-Z]{26})(?:\W|$)/;

/** Removes what was last written before. How many; none when there is no such folder. */
export async function removeOldRecordings(dir: string, before: Date): Promise<number> {
  let removed = 0;
  for (const name of await recordingsIn(dir)) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (found === undefined || found.mtime >= before) continue;
    await rm(join(dir, name), { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}

/** Removes the recordings of these calls. How many. */
export async function removeRecordingsOf(dir: string, callIds: readonly string[]): Promise<number> {
  const theirs = new Set(callIds);
  let removed = 0;
  for (const name of await recordingsIn(dir)) {
    if (!theirs.has(NAME.exec(name)?.[1] ?? '')) continue;
    await rm(join(dir, name), { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}

async function recordingsIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => NAME.test(name));
}
