import type { Logger } from 'pino';
import type { Removal } from '../ledger/privacy/removal.ts';
import type { Config } from '../config/config.ts';

const DAY_MS = 86_400_000;

export interface RetentionDeps {
  readonly removal: Removal;
  readonly retention: Config['retention'];
  readonly log: Pick<Logger, 'info'>;
}

/** The daily sweep: removes what is older than the settings say. Several services may do it. */
export async function sweepOld(deps: RetentionDeps, now: Date): Promise<void> {
  const { removal, retention, log } = deps;
  const before = (days: number) =>
    days === 0 ? undefined : new Date(now.getTime() - days * DAY_MS);
  const { events, transcripts } = await removal.sweep({
    eventsBefore: before(retention.eventsDays)?.toISOString(),
    transcriptsBefore: before(retention.transcriptsDays)?.toISOString(),
  });
  if (events + transcripts > 0) {
    log.info({ events, transcripts }, 'removed what is older than it may be');
  }
}
