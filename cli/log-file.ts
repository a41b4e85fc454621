import { createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 20 * 1024 * 1024;

/** A log that keeps itself and one predecessor (`.1`) below 20 MB each. */
export interface LogFile {
  readonly path: string;
  write(chunk: string): void;
  close(): Promise<void>;
}

export function openLogFile(path: string): LogFile {
  // Who calls, and when, is for the owner's eyes.
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let size = existsSync(path) ? statSync(path).size : 0;
  let stream = open(path);
  return {
    path,
    write(chunk) {
      if (size > MAX_BYTES) {
        stream.end();
        renameSync(path, `${path}.1`);
        stream = open(path);
        size = 0;
      }
      size += Buffer.byteLength(chunk);
      stream.write(chunk);
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  };
}

function open(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  // A full disk must not stop calls; what cannot be logged is lost.
  stream.on('error', () => {});
  return stream;
}
