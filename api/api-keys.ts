import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Entropy of a key that is made here, RFC 4648 §5 text behind the prefix. */
const KEY_BYTES = 24;

/**
 * The API key of this installation: made at first start and kept in `<dataDir>/api-key`, which
 * only its owner can read. Processes that ask at the same time get the same one.
 * Throws the file system's error when the folder cannot be written.
 */
export function ensureApiKey(dataDir: string): string {
  const file = join(dataDir, 'api-key');
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `tl_${randomBytes(KEY_BYTES).toString('base64url')}\n`, { mode: 0o600 });
  try {
    // A link appears whole or not at all, and never replaces a key that is there.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const key = readFileSync(file, 'utf8').trim();
  if (key === '') throw new Error(`the API key in ${file} is empty: delete the file`);
  return key;
}

/**
 * Whether an `Authorization` header carries one of the keys (RFC 6750 §2.1). Takes as long for a
 * wrong key as for a right one. Throws when there are no keys, or an empty one.
 */
export function createKeyCheck(keys: readonly string[]): (header: string | undefined) => boolean {
  if (keys.length === 0 || keys.includes(''))
    throw new Error('there is no API key, or an empty one');
  const digests = keys.map(digest);
  return (header) => {
    const presented = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
    if (presented === undefined) return false;
    const actual = digest(presented);
    // All of them, always: the time must not tell which key came close.
    return digests.map((known) => timingSafeEqual(known, actual)).includes(true);
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
