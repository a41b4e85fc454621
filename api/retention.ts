import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Ledger } from '../calls/ledger.ts';
import { removeOldRecordings } from '../calls/recordings.ts';
import type { RetentionConfig } from '../config/config.ts';

const DAY_MS = 86_400_000;

export interface RetentionDeps {
  readonly ledger: Pick<Ledger, 'removal'>;
  readonly retention: RetentionConfig;
  readonly dataDir: string;
  readonly log: Pick<Logger, 'info'>;
}

/** The daily sweep: removes what is older than the settings say. Several services may do it. */
export async function sweepOld(deps: RetentionDeps, now: Date): Promise<void> {
  const { ledger, retention, dataDir, log } = deps;
  const before = (days: number) =>
    days === 0 ? undefined : new Date(now.getTime() - days * DAY_MS);
  const recordingsBefore = before(retention.recordingsDays);
  const recordings = recordingsBefore
    ? await removeOldRecordings(join(dataDir, 'recordings'), recordingsBefore)
    : 0;
  const { events, transcripts } = await ledger.removal.sweep({
    eventsBefore: before(retention.eventsDays)?.toISOString(),
    transcriptsBefore: before(retention.transcriptsDays)?.toISOString(),
  });
  if (events + transcripts + recordings > 0) {
    log.info({ events, transcripts, recordings }, 'removed what is older than it may be');
  }
}
