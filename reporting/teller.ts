import type { ActivityNotes } from '../calls/activity.ts';
import type { RefusalNotes } from '../calls/refusals.ts';
import type { WorkerNote } from '../calls/workers.ts';
import type { Config } from '../config/config.ts';
import { signReportToken } from './report-token.ts';

/** A call service that is away is left alone for so long, ms. */
const PAUSE_MS = 5_000;
const TIMEOUT_MS = 2_000;

/**
 * Tells the call service what is of interest now and stored nowhere; what cannot be told now is
 * never told. What must be known is reported (`reporter.ts`).
 */
type Teller<T> = (notes: T) => void;

interface TellerOptions<T> {
  readonly path: string;
  readonly subject: 'worker' | 'ingress';
  readonly everyMs: number;
  /** Notes that wait, and what has come since. */
  readonly merge: (before: T, next: T) => T;
}

type Target = Pick<Config, 'callServiceUrl' | 'livekit'>;

/** Captions that come this often read as speech, ms. */
const CAPTION_MS = 200;

export function openActivityTeller(target: Target): Teller<ActivityNotes> {
  return openTeller(target, {
    path: '/internal/v1/activity',
    subject: 'worker',
    everyMs: CAPTION_MS,
    merge(before, next) {
      const byJob = new Map(before.notes.map((note) => [note.jobId, note.activity]));
      for (const { jobId, activity } of next.notes) {
        byJob.set(jobId, { ...byJob.get(jobId), ...activity });
      }
      return { notes: [...byJob].map(([jobId, activity]) => ({ jobId, activity })) };
    },
  });
}

/** How a worker is, the latest. */
export function openWorkerTeller(target: Target): Teller<WorkerNote> {
  return openTeller(target, {
    path: '/internal/v1/workers',
    subject: 'worker',
    everyMs: 0,
    merge: (_before, next) => next,
  });
}

const REFUSALS_EVERY_MS = 1_000;
/** Who floods us is not told of one by one. */
const MAX_REFUSALS = 100;

export function openRefusalTeller(target: Target): Teller<RefusalNotes> {
  return openTeller(target, {
    path: '/internal/v1/refusals',
    subject: 'ingress',
    everyMs: REFUSALS_EVERY_MS,
    merge: (before, next) => ({
      notes: [...before.notes, ...next.notes].slice(0, MAX_REFUSALS),
    }),
  });
}

function openTeller<T>(
  { callServiceUrl, livekit }: Target,
  { path, subject, everyMs, merge }: TellerOptions<T>,
): Teller<T> {
  const endpoint = new URL(path, callServiceUrl);
  let pending: T | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function send(notes: T): Promise<boolean> {
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await signReportToken(livekit, subject)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(notes),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.ok;
    } catch {
      return false;
    }
  }

  async function sendPending(): Promise<void> {
    const notes = pending;
    pending = undefined;
    const isTold = notes === undefined || (await send(notes));
    timer = undefined;
    if (!isTold) plan(PAUSE_MS);
    else if (pending !== undefined) plan(everyMs);
  }

  function plan(ms: number): void {
    timer = setTimeout(() => void sendPending(), ms).unref();
  }

  return (notes) => {
    pending = pending === undefined ? notes : merge(pending, notes);
    if (timer === undefined) plan(everyMs);
  };
}
