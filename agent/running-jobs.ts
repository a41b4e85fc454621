import { readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { currentOwner, isAlive } from '../calls/process-owner.mjs';
import type { Reporter } from '../calls/reporter.ts';
import { makeFolder } from '../config/make-folder.ts';
import type { JobInfo } from './job.ts';

const Entry = z.object({
  /** The process that holds the call. */
  pid: z.int(),
  startTicks: z.string(),
  job: z.object({
    id: z.string(),
    workerId: z.string(),
    room: z.object({ name: z.string(), sid: z.string() }),
  }),
});
/** What is enough to report on a job; its token is not written down. */
export type RunningJob = z.infer<typeof Entry>['job'];

/**
 * The calls that the hosts of this machine hold, one file each in `worker-jobs` of the data folder,
 * so that somebody can tell of their end when worker and hosts die together. Nothing here throws:
 * what a disk refuses costs that knowledge and no call.
 */
export class RunningJobs {
  readonly #dir: string;
  readonly #log: Pick<Logger, 'warn'>;
  /** Given out although their files cannot be removed. */
  readonly #given = new Set<string>();
  #isReadable = true;

  constructor(dataDir: string, log: Pick<Logger, 'warn'>) {
    this.#dir = join(dataDir, 'worker-jobs');
    this.#log = log;
  }

  /** By the process that holds the call. */
  begin({ id, workerId, room }: Pick<JobInfo, 'id' | 'workerId' | 'room'>): void {
    const entry = { ...currentOwner(), job: { id, workerId, room } };
    try {
      makeFolder(this.#dir);
      writeFileSync(this.#file(id), JSON.stringify(entry));
    } catch (error) {
      this.#log.warn({ err: error, jobId: id }, 'a call is not written down');
      this.end(id);
    }
  }

  end(id: string): void {
    try {
      rmSync(this.#file(id), { force: true });
    } catch (error) {
      this.#log.warn({ err: error, jobId: id }, 'the note of a call cannot be removed');
    }
  }

  /** The jobs whose process is dead; each is given out once, whoever asks. */
  takeLost(): RunningJob[] {
    return this.#names().flatMap((name) => {
      const file = join(this.#dir, name);
      try {
        const { job, ...owner } = Entry.parse(JSON.parse(readFileSync(file, 'utf8')));
        return isAlive(owner) || !this.#take(file) ? [] : [job];
      } catch {
        return []; // ended just now, or half written by one that died
      }
    });
  }

  /** Only one of several workers removes it. */
  #take(file: string): boolean {
    if (this.#given.has(file)) return false;
    try {
      unlinkSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      // A disk that became read-only: told twice by two workers is better than by none.
      this.#given.add(file);
    }
    return true;
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
        this.#log.warn({ err: error }, 'the notes of running calls cannot be read');
      }
      return [];
    }
  }

  #file(id: string): string {
    return join(this.#dir, `${id.replaceAll(/[^\w-]/g, '')}.json`);
  }
}

/** The processes that held these calls died: nobody else can tell why they ended. */
export function reportLost(
  jobs: readonly RunningJob[],
  reporter: Pick<Reporter, 'report'>,
  detail = 'its process died',
): void {
  for (const job of jobs) {
    reporter.report(
      { jobId: job.id, workerId: job.workerId, roomName: job.room.name, roomSid: job.room.sid },
      {
        type: 'agent.ended',
        data: { endedBy: 'system', endReason: 'agent_lost', detail },
      },
    );
  }
}
