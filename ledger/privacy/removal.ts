import { columnsOf } from '../sql/searchable.ts';
import type { Kysely } from 'kysely';
import type { Announcer } from '../announcer.ts';
import type { Erasure } from './erase-person.ts';
import { erasePerson, rewriteEvents, withFormerIds } from './erase-person.ts';
import type { NumberRules } from './erased-numbers.ts';
import { withoutSpeech } from './redact.ts';
import type { WriteLocks } from '../sql/row-locks.ts';
import type { CallRow, LedgerSchema } from '../sql/schema.ts';
import { callOf } from '../unit-of-work/call-rows.ts';

type Db = Kysely<LedgerSchema>;

/** Calls changed in one transaction, so that nobody waits long for it. */
const PORTION = 100;

/** Takes out of the ledger what is too old, or whom it must not know. */
export interface Removal {
  /**
   * Removes what is older than told; sealed records keep their facts. May run in several processes
   * at once. How many calls lost their events, and what was said.
   */
  sweep(limits: SweepLimits): Promise<{ readonly events: number; readonly transcripts: number }>;
  /**
   * Removes a person: every call from or to the number loses what tells who it was and what was
   * said; the number is masked wherever else it stands. What comes late of it is erased as it
   * comes. Done twice, it finds nothing more.
   *
   * @param number E.164
   */
  erase(number: string): Promise<Erasure>;
  /** Completes the receipt: it was done, with these counts. */
  confirm(receiptId: string, counts: Readonly<Record<string, number>>): Promise<void>;
}

/** RFC 3339; undefined: kept for good. */
export interface SweepLimits {
  readonly eventsBefore: string | undefined;
  readonly transcriptsBefore: string | undefined;
}

export interface RemovalOptions {
  readonly locks: WriteLocks;
  readonly announcer: Announcer;
  /** Without them nobody can be erased. */
  readonly numbers: NumberRules | undefined;
  /** Makes the database's files forget what was taken out. */
  readonly afterRemoval: () => Promise<void>;
}

export function createRemoval(db: Db, options: RemovalOptions): Removal {
  const { locks, announcer, numbers, afterRemoval } = options;
  const write = <T>(work: (tx: Db) => Promise<T>): Promise<T> => db.transaction().execute(work);

  /** Calls that ended before, portion by portion, until there are no more. */
  async function eachOld(
    column: 'eventsRemovedAt' | 'transcriptRemovedAt',
    before: string,
    remove: (tx: Db, rows: readonly CallRow[], at: string) => Promise<void>,
  ): Promise<number> {
    let removed = 0;
    for (;;) {
      const count = await write(async (tx) => {
        let query = tx
          .selectFrom('calls')
          .selectAll()
          .where('sealedAt', 'is not', null)
          .where(column, 'is', null)
          .where('endedAt', '<', before)
          .orderBy('endedAt')
          .limit(PORTION);
        // Another process that sweeps has taken its own portion.
        if (locks.skipLocked) query = query.forUpdate().skipLocked();
        const rows = await query.execute();
        if (rows.length === 0) return 0;
        const at = new Date().toISOString();
        await remove(tx, rows, at);
        for (const row of rows) {
          const known = callOf(row);
          const kind = column === 'eventsRemovedAt' ? 'events' : 'transcript';
          const call = kind === 'transcript' ? withoutSpeech(known) : known;
          await tx
            .updateTable('calls')
            .set({
              [column]: at,
              ...columnsOf({ ...call, removed: { ...call.removed, [kind]: at } }),
            })
            .where('id', '=', row.id)
            .execute();
        }
        return rows.length;
      });
      removed += count;
      if (count === 0) return removed;
    }
  }

  return {
    async sweep({ eventsBefore, transcriptsBefore }) {
      let transcripts = 0;
      let events = 0;
      if (transcriptsBefore !== undefined) {
        transcripts = await eachOld('transcriptRemovedAt', transcriptsBefore, async (tx, rows) => {
          const ids = rows.map(({ id }) => id);
          await rewriteEvents(tx, ids, withoutSpeech);
          await announcer.rewrite(tx, await withFormerIds(tx, ids), withoutSpeech);
        });
      }
      if (eventsBefore !== undefined) {
        events = await eachOld('eventsRemovedAt', eventsBefore, async (tx, rows) => {
          const ids = rows.map(({ id }) => id);
          await tx.deleteFrom('events').where('callId', 'in', ids).execute();
          await announcer.remove(tx, await withFormerIds(tx, ids));
        });
        // What never became part of a call.
        await db
          .deleteFrom('events')
          .where('callId', 'is', null)
          .where('receivedAt', '<', eventsBefore)
          .execute();
        await db.deleteFrom('setAside').where('receivedAt', '<', eventsBefore).execute();
        await announcer.removeOld(db, eventsBefore);
      }
      await afterRemoval();
      return { events, transcripts };
    },

    async erase(number) {
      if (numbers === undefined) throw new Error('the ledger was opened without number rules');
      const erasure = await erasePerson(db, options, numbers, number);
      await afterRemoval();
      return erasure;
    },

    async confirm(id, counts) {
      await db
        .updateTable('erasures')
        .set({ counts: JSON.stringify(counts) })
        .where('id', '=', id)
        .execute();
    },
  };
}
