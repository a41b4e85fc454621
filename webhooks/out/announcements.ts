import type { Kysely } from 'kysely';
import type { Announcer } from '../../ledger/announcer.ts';
import type { LedgerSchema } from '../../ledger/sql/schema.ts';
import type { SqlStore } from '../../ledger/sql/sql-ledger.ts';
import { createOutbox } from './create-outbox.ts';
import { maskTold, removeOldTold, removeTold, rewriteTold } from './forget.ts';
import { publicEventOf, publishChanges } from './outbox-publish.ts';
import type { OutboxDb, OutboxSchema } from './outbox-schema.ts';
import type { Outbox } from './outbox.ts';
import type { PublicEvent } from './public-events.ts';

/** What is told of calls: the log of public events, and the outbox that is fed from it. */
export interface Announcements {
  readonly outbox: Outbox;
  /** What others are told, in the order of the log. */
  publicEvents(query: PublicEventQuery): Promise<readonly PublicEvent[]>;
  /** Of the latest public event; 0 when there is none. */
  lastPublicPosition(): Promise<number>;
  /**
   * Calls the listener whenever this process has added to the log of public events; the events
   * are read by `publicEvents`. Other processes' additions are found by asking now and then.
   *
   * @returns ends it
   */
  onPublicEvent(listener: () => void): () => void;
}

export interface PublicEventQuery {
  /** 1 to 1000. */
  readonly limit: number;
  /** `position` of the last one that is known; from the beginning when absent. */
  readonly after?: number | undefined;
  readonly callId?: string | undefined;
  /** Patterns: `call.ended`, `call.*`, `*`. */
  readonly types?: readonly string[] | undefined;
}

/** Kept where the ledger is, which owns the connections. */
export function createAnnouncements(store: Pick<SqlStore, 'db' | 'publishLock'>): Announcements & {
  readonly announcer: Announcer;
} {
  const db = withOutbox(store.db);
  const lock: ((tx: OutboxDb) => Promise<void>) | undefined = store.publishLock;
  const listeners = new Set<() => void>();

  function notify(): void {
    for (const listener of listeners) listener();
  }

  async function publish<T>(work: (tx: OutboxDb) => Promise<T>): Promise<T> {
    const result = await db.transaction().execute(async (tx) => {
      await lock?.(tx);
      return work(tx);
    });
    notify();
    return result;
  }

  return {
    outbox: createOutbox(db, { rowLocks: lock !== undefined, publish }),

    async publicEvents({ limit, after, callId, types }) {
      let query = db.selectFrom('publicEvents').selectAll().orderBy('position').limit(limit);
      if (after !== undefined) query = query.where('position', '>', after);
      if (callId !== undefined) query = query.where('callId', '=', callId);
      if (types !== undefined && !types.includes('*')) {
        query = query.where((eb) =>
          eb.or(
            types.map((pattern) =>
              pattern.endsWith('.*')
                ? eb('type', 'like', `${pattern.slice(0, -1)}%` as never)
                : eb('type', '=', pattern as never),
            ),
          ),
        );
      }
      return (await query.execute()).map(publicEventOf);
    },

    async lastPublicPosition() {
      const row = await db
        .selectFrom('publicEvents')
        .select(({ fn }) => fn.max('position').as('last'))
        .executeTakeFirst();
      return Number(row?.last ?? 0);
    },

    onPublicEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    announcer: {
      async announce(tx, changes) {
        const published = await publishChanges(withOutbox(tx), changes, lock);
        return published > 0 ? notify : undefined;
      },
      rewrite: (tx, callIds, change) => rewriteTold(withOutbox(tx), callIds, change),
      mask: (tx, number, mask) => maskTold(withOutbox(tx), number, mask),
      remove: (tx, callIds) => removeTold(withOutbox(tx), callIds),
      removeOld: (tx, before) => removeOldTold(withOutbox(tx), before),
    },
  };
}

const withOutbox = (db: Kysely<LedgerSchema>) => db.withTables<OutboxSchema>();
