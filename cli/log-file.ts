import { createWriteStream, renameSync, statSync } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { makeFolder } from '../config/make-folder.ts';

const MAX_BYTES = 20 * 1024 * 1024;
/** Kept while the disk is slow; what is beyond is lost. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** After the disk refused a line, ms. */
const TRY_AGAIN_MS = 1_000;

/**
 * A log that keeps itself and one predecessor (`.1`) below 20 MB each. Never throws: a full disk
 * must not stop calls, and what cannot be logged is lost.
 */
export interface LogFile {
  readonly path: string;
  write(chunk: string): void;
  close(): Promise<void>;
}

export function openLogFile(path: string): LogFile {
  let stream: WriteStream | undefined;
  let size = 0;
  let refusedAt = -TRY_AGAIN_MS;

  function open(): WriteStream {
    // Who calls, and when, is for the owner's eyes.
    makeFolder(dirname(path));
    size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const opened = createWriteStream(path, { flags: 'a', mode: 0o600 });
    opened.on('error', () => {
      if (stream === opened) giveUp();
    });
    return opened;
  }

  function giveUp(): void {
    stream = undefined;
    refusedAt = performance.now();
  }

  return {
    path,
    write(chunk) {
      if (!stream && performance.now() - refusedAt < TRY_AGAIN_MS) return;
      try {
        stream ??= open();
        if (size > MAX_BYTES) {
          stream.end();
          renameSync(path, `${path}.1`);
          stream = open();
        }
        if (stream.writableLength > MAX_WAITING_BYTES) return;
        size += Buffer.byteLength(chunk);
        stream.write(chunk);
      } catch {
        giveUp();
      }
    },
    close: () => new Promise((resolve) => (stream ? stream.end(resolve) : resolve())),
  };
}
