import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const SECRET_BYTES = 32;

/**
 * The LiveKit API secret of a stack on this machine, so that none sits in git.
 *
 * @throws the file system's error when the folder cannot be written
 */
export function ensureLocalSecret(dataDir: string): string {
  return ensureSecretFile(join(dataDir, 'livekit-secret'), () =>
    randomBytes(SECRET_BYTES).toString('base64url'),
  );
}

/**
 * A secret that is made once and kept in a file that only its owner reads. Processes that start
 * together get the same one; one that is there is read, whatever the disk does.
 *
 * @throws the file system's error when the file can neither be read nor written
 */
export function ensureSecretFile(file: string, make: () => string): string {
  const existing = read(file);
  if (existing !== undefined) return existing;
  makeFolder(dirname(file));
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(draft, `${make()}\n`, { mode: 0o600 });
    // A link appears whole or not at all, and never replaces what another process made first.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const secret = read(file);
  if (secret === undefined) throw new Error(`the secret in ${file} is empty: delete the file`);
  return secret;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
