import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { NOBODY, currentOwner, isAlive, parseSpoolFileName, spoolFileName } from './spool-file.ts';

/** A file is closed at this size, so that the oldest can be dropped or deleted in pieces. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Read at a time; no line may be longer. */
export const SPOOL_READ_BYTES = 512 * 1024;

interface SpoolBatch {
  readonly lines: readonly string[];
  /** The lines are delivered (or given up): they are not read again. */
  done(): void;
}

/** Lines on disk in order of arrival, of this process and of processes that died before it. */
export interface Spool {
  /**
   * The line is with the operating system when this returns: `kill -9` does not lose it, a power
   * cut may (no fsync, because the caller's conversation must not wait for a disk).
   * Throws when the disk refuses it; the file is then as before.
   */
  append(line: string): void;
  /** The oldest lines, at most `maxLines`; undefined when there are none. */
  peek(maxLines: number): SpoolBatch | undefined;
  readonly isEmpty: boolean;
  /** Takes over the files of dead processes; how many. */
  adopt(): number;
  /** What is undelivered stays on disk, free for any process to adopt. */
  close(): void;
}

interface Segment {
  path: string;
  readonly fd: number;
  size: number;
  /** Everything before it is delivered. */
  offset: number;
}

export interface SpoolOptions {
  /** Made when missing. One folder per machine or container: owners are known by their pids. */
  readonly dir: string;
  /** Beyond it the oldest file goes, with a log line. */
  readonly maxBytes: number;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Throws when the folder cannot be made or written. */
export function openSpool({ dir, maxBytes, log }: SpoolOptions): Spool {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const owner = currentOwner();
  let writing = openSegment(join(dir, spoolFileName(owner)));
  /** Oldest first; `writing` is always the last. */
  const segments: Segment[] = [writing];
  const buffer = Buffer.allocUnsafe(SPOOL_READ_BYTES);
  let closed = false;

  function drop(segment: Segment): void {
    closeSync(segment.fd);
    rmSync(segment.path, { force: true });
    segments.splice(segments.indexOf(segment), 1);
  }

  function makeRoom(): void {
    let bytes = segments.reduce((sum, { size }) => sum + size, 0);
    while (bytes > maxBytes && segments.length > 1) {
      const [oldest] = segments;
      if (oldest === undefined) return;
      log.warn(
        { bytes: oldest.size - oldest.offset, maxBytes },
        'spool is full, oldest reports dropped',
      );
      bytes -= oldest.size;
      drop(oldest);
    }
  }

  /** Delivered files go; the one being written is emptied and kept. */
  function tidy(): void {
    for (const segment of segments.filter(({ offset, size }) => offset >= size)) {
      if (segment !== writing) {
        drop(segment);
      } else if (segment.size > 0) {
        ftruncateSync(segment.fd, 0);
        segment.size = 0;
        segment.offset = 0;
      }
    }
  }

  return {
    append(line) {
      const bytes = Buffer.from(`${line}\n`);
      if (writing.size > 0 && writing.size + bytes.length > Math.min(SEGMENT_BYTES, maxBytes / 2)) {
        writing = openSegment(join(dir, spoolFileName(owner)));
        segments.push(writing);
        makeRoom();
      }
      try {
        if (writeSync(writing.fd, bytes) !== bytes.length)
          throw new Error('short write to the spool');
        writing.size += bytes.length;
      } catch (error) {
        // Half a line would swallow the next one.
        ftruncateSync(writing.fd, writing.size);
        throw error;
      }
    },

    peek(maxLines) {
      tidy();
      for (const segment of segments) {
        const length = readSync(segment.fd, buffer, 0, SPOOL_READ_BYTES, segment.offset);
        const text = buffer.subarray(0, length);
        const lines: string[] = [];
        let end = 0;
        while (lines.length < maxLines) {
          const newline = text.indexOf(0x0a, end);
          if (newline === -1) break;
          lines.push(text.toString('utf8', end, newline));
          end = newline + 1;
        }
        if (lines.length > 0) {
          const next = segment.offset + end;
          return {
            lines,
            done() {
              segment.offset = Math.max(segment.offset, next);
              if (!closed && segments.includes(segment)) tidy();
            },
          };
        }
        // A last line without its end: the writer was killed in the middle of it.
        if (segment !== writing) segment.offset = segment.size;
      }
      return undefined;
    },

    get isEmpty() {
      return segments.every(({ offset, size }) => offset >= size);
    },

    adopt() {
      let adopted = 0;
      for (const name of readdirSync(dir).sort()) {
        const parsed = parseSpoolFileName(name);
        if (parsed === undefined || isAlive(parsed.owner)) continue;
        const path = join(dir, spoolFileName(owner));
        try {
          // Only one process wins the rename.
          renameSync(join(dir, name), path);
        } catch {
          continue;
        }
        segments.unshift(openSegment(path));
        adopted += 1;
      }
      makeRoom();
      return adopted;
    },

    close() {
      if (closed) return;
      tidy();
      closed = true;
      for (const segment of segments) {
        closeSync(segment.fd);
        if (segment.size === 0) rmSync(segment.path, { force: true });
        else renameSync(segment.path, join(dir, spoolFileName(NOBODY)));
      }
    },
  };
}

function openSegment(path: string): Segment {
  const fd = openSync(path, 'a+', 0o600);
  return { path, fd, size: fstatSync(fd).size, offset: 0 };
}
