import { closeSync, openSync, readFileSync, readSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Mask } from '../ledger/privacy/redact.ts';
import { withoutNumbers } from '../ledger/privacy/redact.ts';
import { parseSpoolFileName } from '../reporting/spool-file.ts';

/**
 * Blanks the number in reports that are not delivered yet, in place: their writers have the files
 * open and know them by offsets. Only files on this machine; what lies on others is erased when it
 * comes. How many reports had it.
 *
 * @param dir a folder of spool files; it may be missing
 * @param blank leaves a text as long as it is
 */
export function eraseFromSpool(dir: string, blank: Mask): number {
  let count = 0;
  for (const name of namesIn(dir)) {
    if (parseSpoolFileName(name) === undefined) continue;
    const path = join(dir, name);
    try {
      let offset = 0;
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        const blanked = blankLine(line, blank);
        if (blanked !== line && overwrite(path, offset, line, blanked)) count += 1;
        offset += Buffer.byteLength(line) + 1;
      }
    } catch (error) {
      // Delivered meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return count;
}

function blankLine(line: string, blank: Mask): string {
  try {
    return JSON.stringify(withoutNumbers(JSON.parse(line), blank));
  } catch {
    // The end of the file, or a line that is being written.
    return line;
  }
}

/** False when it is not there any more: delivered meanwhile, and another may be in its place. */
function overwrite(path: string, offset: number, line: string, blanked: string): boolean {
  const before = Buffer.from(line);
  const fd = openSync(path, 'r+');
  try {
    const there = Buffer.alloc(before.length);
    readSync(fd, there, 0, there.length, offset);
    if (!there.equals(before)) return false;
    writeSync(fd, Buffer.from(blanked), 0, before.length, offset);
    return true;
  } finally {
    closeSync(fd);
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
