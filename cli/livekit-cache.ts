import { chmodSync } from 'node:fs';
import { copyFile, realpath, rename, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeFolder } from '../config/make-folder.ts';

/** FHS 3.0, 5.5: what root has built here is there for every user of the machine. */
const SHARED = '/var/cache/trunkline';

/** Where a livekit-server that we have built may be. */
export interface LivekitCache {
  /** In our own cache. */
  readonly own: string;
  /** Where root's is, for everybody to use. */
  readonly shared: string;
}

/** @param name of the file */
export function livekitCache(env: NodeJS.ProcessEnv, name: string): LivekitCache {
  const cache = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return { own: join(cache, 'trunkline', name), shared: join(SHARED, name) };
}

/**
 * Whether only root and we can have put it there, and can put another in its place. Our home is
 * ours, whatever it stands in. Rejects when there is no such file.
 */
export async function isTrusted(path: string): Promise<boolean> {
  const home = homedir();
  for (let at = await realpath(path); ; at = dirname(at)) {
    const { uid, gid, mode } = await stat(at);
    if (uid !== 0 && uid !== process.getuid?.()) return false;
    const byGroup = (mode & 0o020) !== 0 && gid !== 0 && gid !== process.getgid?.();
    // In a sticky folder such as /tmp nobody replaces what is somebody else's.
    const sticky = (mode & 0o1000) !== 0;
    if ((byGroup || (mode & 0o002) !== 0) && !sticky) return false;
    if (at === home || at === dirname(at)) return true;
  }
}

/** Root's gift to the other users. Without a place to put it they build their own. */
export async function share({ own, shared }: LivekitCache): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const draft = `${shared}.${process.pid}`;
  try {
    makeFolder(dirname(shared));
    chmodSync(dirname(shared), 0o755);
    await copyFile(own, draft);
    chmodSync(draft, 0o755);
    await rename(draft, shared);
  } catch {
    // A read-only system, for instance.
  }
}
