import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { makeFolder } from '../config/make-folder.ts';
import { currentOwner, isAlive } from '../config/process-owner.mjs';
import { NOBODY, parseSpoolFileName, spoolFileName } from './spool-file.ts';

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
   * Throws when the disk refuses it; what was appended before stays as it is.
   */
  append(line: string): void;
  /**
   * The oldest lines, at most `maxLines`; undefined when there are none. What the disk does not
   * give back is left to a later process.
   */
  peek(maxLines: number): SpoolBatch | undefined;
  readonly isEmpty: boolean;
  /** Takes over the files of dead processes; how many. Throws when the folder cannot be read. */
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

/** Nothing is made before the first line. */
export function openSpool({ dir, maxBytes, log }: SpoolOptions): Spool {
  const owner = currentOwner();
  let writing: Segment | undefined;
  /** Oldest first; `writing` is always the last. */
  const segments: Segment[] = [];
  const buffer = Buffer.allocUnsafe(SPOOL_READ_BYTES);
  let closed = false;

  /** Where the disk does not let go of the file, its reports are delivered again: they have ids. */
  function drop(segment: Segment): void {
    leave(segment);
    attempt(() => rmSync(segment.path, { force: true }));
  }

  function leave(segment: Segment): void {
    segments.splice(segments.indexOf(segment), 1);
    if (segment === writing) writing = undefined;
    attempt(() => closeSync(segment.fd));
  }

  /** What is in the way of a tidy folder is told, and nothing else is done about it. */
  function attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      log.warn({ err: error }, 'spool file cannot be handled');
      return false;
    }
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
        if (attempt(() => ftruncateSync(segment.fd, 0))) segment.size = segment.offset = 0;
        else leave(segment);
      }
    }
  }

  return {
    append(line) {
      const bytes = Buffer.from(`${line}\n`);
      const mostBytes = Math.min(SEGMENT_BYTES, maxBytes / 2);
      if (writing && writing.size > 0 && writing.size + bytes.length > mostBytes) {
        writing = undefined;
      }
      const segment = (writing ??= begin());
      try {
        if (writeSync(segment.fd, bytes) !== bytes.length)
          throw new Error('short write to the spool');
        segment.size += bytes.length;
      } catch (error) {
        // Half a line would swallow the next one.
        if (!attempt(() => ftruncateSync(segment.fd, segment.size))) writing = undefined;
        throw error;
      }
    },

    peek(maxLines) {
      tidy();
      for (const segment of segments.slice()) {
        let length = 0;
        const read = () => {
          length = readSync(segment.fd, buffer, 0, SPOOL_READ_BYTES, segment.offset);
        };
        if (!attempt(read)) {
          leave(segment);
          continue;
        }
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
      for (const name of namesIn(dir)) {
        const parsed = parseSpoolFileName(name);
        if (parsed === undefined || isAlive(parsed.owner)) continue;
        const path = join(dir, spoolFileName(owner));
        let segment: Segment;
        try {
          segment = openSegment(join(dir, name), 'r+');
        } catch {
          continue; // another's by now, or not ours to have
        }
        try {
          // Only one process wins the rename.
          renameSync(segment.path, path);
        } catch {
          closeSync(segment.fd);
          continue;
        }
        segments.unshift({ ...segment, path });
        adopted += 1;
      }
      makeRoom();
      return adopted;
    },

    close() {
      if (closed) return;
      tidy();
      closed = true;
      writing = undefined;
      for (const { fd, path, size } of segments.splice(0)) {
        attempt(() => {
          closeSync(fd);
          if (size === 0) rmSync(path, { force: true });
          else renameSync(path, join(dir, spoolFileName(NOBODY)));
        });
      }
    },
  };

  function begin(): Segment {
    makeFolder(dir);
    const segment = openSegment(join(dir, spoolFileName(owner)), 'a+');
    segments.push(segment);
    makeRoom();
    return segment;
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nobody has reported yet
    throw error;
  }
}

function openSegment(path: string, flags: 'a+' | 'r+'): Segment {
  const fd = openSync(path, flags, 0o600);
  return { path, fd, size: fstatSync(fd).size, offset: 0 };
}
