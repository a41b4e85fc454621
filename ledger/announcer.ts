import type { Kysely } from 'kysely';
import type { CallChanges } from './call-changes.ts';
import type { Mask } from './privacy/redact.ts';
import type { LedgerSchema } from './sql/schema.ts';

type Db = Kysely<LedgerSchema>;

/** Whoever tells others of calls, and keeps what is told where the ledger is kept. */
export interface Announcer {
  /**
   * Stores what the changes have to tell: the last thing that their transaction does. What is to be
   * done after its commit, if anything.
   */
  announce(tx: Db, changes: CallChanges): Promise<(() => void) | undefined>;
  /** What is told of these calls is other than it was. How many events are. */
  rewrite(tx: Db, callIds: readonly string[], change: <T>(value: T) => T): Promise<number>;
  /** Likewise, whatever names the number. */
  mask(db: Db, number: string, mask: Mask): Promise<number>;
  /** What is told of these calls goes, but for what somebody still has to hear. */
  remove(tx: Db, callIds: readonly string[]): Promise<void>;
  /** Likewise, what is older and of no call, or of one whose events are gone. */
  removeOld(db: Db, before: string): Promise<void>;
}
