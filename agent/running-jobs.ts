import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Reporter } from '../calls/reporter.ts';
import type { JobInfo } from './job.ts';

const Entry = z.object({
  pid: z.int(),
  /** Tells the process from a later one of the same number, as in a container started anew. */
  started: z.string(),
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
 * so that somebody can tell of their end when worker and hosts die together.
 */
export class RunningJobs {
  readonly #dir: string;

  constructor(dataDir: string) {
    this.#dir = join(dataDir, 'worker-jobs');
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
  }

  /** By the process that holds the call. */
  begin({ id, workerId, room }: Pick<JobInfo, 'id' | 'workerId' | 'room'>): void {
    const entry = { pid: process.pid, started: startOf(process.pid), job: { id, workerId, room } };
    writeFileSync(this.#file(id), JSON.stringify(entry));
  }

  end(id: string): void {
    rmSync(this.#file(id), { force: true });
  }

  /** The jobs whose process is dead; each is given out once, whoever asks. */
  takeLost(): RunningJob[] {
    return readdirSync(this.#dir)
      .filter((name) => name.endsWith('.json'))
      .flatMap((name) => {
        const file = join(this.#dir, name);
        try {
          const { pid, started, job } = Entry.parse(JSON.parse(readFileSync(file, 'utf8')));
          if (startOf(pid) === started) return [];
          // Only one of several workers can do this.
          renameSync(file, `${file}.taken`);
          rmSync(`${file}.taken`);
          return [job];
        } catch {
          return []; // ended just now, taken by another, or half written by one that died
        }
      });
  }

  #file(id: string): string {
    return join(this.#dir, `${id.replaceAll(/[^\w-]/g, '')}.json`);
  }
}

/** The processes that held these calls died: nobody else can tell why they ended. */
export function reportLost(jobs: readonly RunningJob[], reporter: Pick<Reporter, 'report'>): void {
  for (const job of jobs) {
    reporter.report(
      { jobId: job.id, workerId: job.workerId, roomName: job.room.name, roomSid: job.room.sid },
      {
        type: 'agent.ended',
        data: { endedBy: 'system', endReason: 'agent_lost', detail: 'its process died' },
      },
    );
  }
}

/** proc(5): the time at which it started, in ticks since boot; empty when there is no such process. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? '' : (fields[18] ?? '');
  } catch {
    return process.platform === 'linux' ? '' : aliveElsewhere(pid);
  }
}

function aliveElsewhere(pid: number): string {
  try {
    return process.kill(pid, 0) ? 'alive' : '';
  } catch {
    return '';
  }
}
