import { readFileSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { makeFolder } from '../config/make-folder.ts';
import { currentOwner, isAlive } from '../config/process-owner.mjs';

/** A note that cannot be read after this was cut off by the end of its writer, ms. */
const WRITTEN_WITHIN_MS = 60_000;

/**
 * What somebody else has to know when this process is killed: a file each in a folder that the
 * processes of a machine share. Nothing here throws: what a disk refuses costs that knowledge, and
 * no call. The files are for their owner's eyes.
 */
export class ProcessNotes<T> {
  readonly #dir: string;
  readonly #entry;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #own = new Set<string>();
  /** Given out although their files cannot be removed. */
  readonly #given = new Set<string>();
  #isReadable = true;

  constructor(dir: string, schema: z.ZodType<T>, log: Pick<Logger, 'warn'>) {
    this.#dir = dir;
    this.#entry = z.object({ pid: z.int(), startTicks: z.string(), note: schema });
    this.#log = log;
  }

  /** In place of an earlier one of the same id. */
  write(id: string, note: T): void {
    try {
      makeFolder(this.#dir);
      const text = JSON.stringify({ ...currentOwner(), note });
      writeFileSync(this.#file(id), text, { mode: 0o600 });
      this.#own.add(id);
    } catch (error) {
      this.#log.warn({ err: error }, 'a note on a call cannot be written');
      this.remove(id);
    }
  }

  /** Whoever wrote it. */
  remove(id: string): void {
    this.#own.delete(id);
    try {
      rmSync(this.#file(id), { force: true });
    } catch (error) {
      this.#log.warn({ err: error }, 'a note on a call cannot be removed');
    }
  }

  /** All that this process wrote. */
  clear(): void {
    for (const id of this.#own) this.remove(id);
  }

  /** What processes wrote that are dead; each is given out once, whoever asks. */
  takeLost(): T[] {
    return this.#names().flatMap((name) => {
      const file = join(this.#dir, name);
      try {
        const { note, ...owner } = this.#entry.parse(JSON.parse(readFileSync(file, 'utf8')));
        return isAlive(owner) || !this.#take(file) ? [] : [note];
      } catch {
        this.#sweep(file); // removed just now, or cut off
        return [];
      }
    });
  }

  /** Only one of several processes removes it. */
  #take(file: string): boolean {
    if (this.#given.has(file)) return false;
    try {
      unlinkSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      // A disk that became read-only: told twice by two processes is better than by none.
      this.#given.add(file);
    }
    return true;
  }

  #sweep(file: string): void {
    try {
      if (Date.now() - statSync(file).mtimeMs > WRITTEN_WITHIN_MS) unlinkSync(file);
    } catch {
      // It is gone already, or stays.
    }
  }

  #names(): string[] {
    try {
      const names = readdirSync(this.#dir);
      this.#isReadable = true;
      return names.filter((name) => name.endsWith('.json'));
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (this.#isReadable && !isMissing) {
        this.#isReadable = false;
        this.#log.warn({ err: error }, 'notes on calls cannot be read');
      }
      return [];
    }
  }

  #file(id: string): string {
    return join(this.#dir, `${id.replaceAll(/[^\w-]/g, '')}.json`);
  }
}
