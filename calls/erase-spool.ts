import { closeSync, fstatSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { digitsOf } from './redact.ts';
import { parseSpoolFileName } from './spool-file.ts';

/**
 * Masks the number in reports that are not delivered yet, in place: their writers have the files
 * open and know them by offsets. Only files on this machine. How many times it was there.
 *
 * @param dir a folder of spool files; it may be missing
 */
export function eraseFromSpool(dir: string, number: string): number {
  const digits = Buffer.from(digitsOf(number));
  const mask = Buffer.alloc(digits.length, 'x');
  let count = 0;
  for (const name of namesIn(dir)) {
    if (parseSpoolFileName(name) === undefined) continue;
    const path = join(dir, name);
    try {
      const text = readFileSync(path);
      if (!text.includes(digits)) continue;
      const fd = openSync(path, 'r+');
      try {
        let index = text.indexOf(digits);
        while (index !== -1) {
          // Delivered meanwhile, and emptied: a hole must not be written.
          if (fstatSync(fd).size < index + mask.length) break;
          writeSync(fd, mask, 0, mask.length, index);
          count += 1;
          index = text.indexOf(digits, index + digits.length);
        }
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      // Delivered meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return count;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
