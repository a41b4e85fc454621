import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder of a test's own that takes nothing more. */
export interface FullDisk {
  readonly dir: string;
  /** It is a file system of its own. */
  readonly isMounted: boolean;
  /** Leaves no byte. */
  fill(): void;
  free(): void;
}

/**
 * Full at once. A file system of its own where this may mount one, because nothing else is full in
 * the middle of a file; elsewhere the folder is away, and a file in its place.
 */
export function fullDisk(sizeKiB = 64): FullDisk {
  const dir = mkdtempSync(join(tmpdir(), 'trunkline-full-'));
  const disk = mount(dir, sizeKiB) ? mounted(dir) : replaced(dir);
  disk.fill();
  return disk;
}

function mount(dir: string, sizeKiB: number): boolean {
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${sizeKiB}k`, 'tmpfs', dir];
    execFileSync('mount', options, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function mounted(dir: string): FullDisk {
  onTestFinished(() => {
    execFileSync('umount', ['--lazy', dir]);
    rmSync(dir, { recursive: true });
  });
  const filler = join(dir, 'filler');
  return {
    dir,
    isMounted: true,
    fill() {
      const { bavail, bsize } = statfsSync(dir);
      appendFileSync(filler, Buffer.alloc(bavail * bsize));
    },
    free: () => rmSync(filler, { force: true }),
  };
}

function replaced(dir: string): FullDisk {
  const away = `${dir}.away`;
  onTestFinished(() => {
    for (const path of [dir, away]) rmSync(path, { recursive: true, force: true });
  });
  return {
    dir,
    isMounted: false,
    fill() {
      renameSync(dir, away);
      writeFileSync(dir, '');
    },
    free() {
      rmSync(dir);
      renameSync(away, dir);
    },
  };
}
