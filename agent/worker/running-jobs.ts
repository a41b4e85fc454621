import { join } from 'node:path';
import type { Logger } from 'pino';
import { z } from 'zod';
import { ProcessNotes } from '../../reporting/process-notes.ts';
import type { Reporter } from '../../reporting/reporter.ts';
import type { JobInfo } from '../conversation/job.ts';

/** What is enough to report on a job; its token is not written down. */
const RunningJob = z.object({
  id: z.string(),
  workerId: z.string(),
  room: z.object({ name: z.string(), sid: z.string() }),
});
export type RunningJob = z.infer<typeof RunningJob>;

/**
 * The calls that the hosts of this machine hold, in `worker-jobs` of the data folder, so that
 * somebody can tell of their end when worker and hosts die together.
 */
export class RunningJobs {
  readonly #notes: ProcessNotes<RunningJob>;

  constructor(dataDir: string, log: Pick<Logger, 'warn'>) {
    this.#notes = new ProcessNotes(join(dataDir, 'worker-jobs'), RunningJob, log);
  }

  /** By the process that holds the call. */
  begin({ id, workerId, room }: Pick<JobInfo, 'id' | 'workerId' | 'room'>): void {
    this.#notes.write(id, { id, workerId, room });
  }

  end(id: string): void {
    this.#notes.remove(id);
  }

  /** The jobs whose process is dead; each is given out once, whoever asks. */
  takeLost(): RunningJob[] {
    return this.#notes.takeLost();
  }
}

/** The processes that held these calls died: nobody else can tell why they ended. */
export function reportLost(
  jobs: readonly RunningJob[],
  reporter: Pick<Reporter, 'report' | 'adopt'>,
  detail = 'its process died',
): void {
  if (jobs.length > 0) reporter.adopt();
  for (const job of jobs) {
    reporter.report(
      { jobId: job.id, workerId: job.workerId, roomName: job.room.name, roomSid: job.room.sid },
      { type: 'agent.ended', data: { endedBy: 'system', endReason: 'agent_lost', detail } },
    );
  }
}
