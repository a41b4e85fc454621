import type { Kysely } from 'kysely';
import type { ApiSchema } from './store-schema.ts';

export interface StoredAnswer {
  readonly status: number;
  /** As it was given to `finish`. */
  readonly answer: string;
}

/**
 * - `begun`: this attempt is the one that does it
 * - `in_flight`: another one is at it
 * - `other_request`: the key was used for something else
 */
export type Begun = 'begun' | 'in_flight' | 'other_request' | StoredAnswer;

export interface Attempt {
  readonly key: string;
  /** Hash of all that makes the request the same one. */
  readonly fingerprint: string;
  /** Names this attempt. */
  readonly attempt: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** Requests that must be done once though they are sent more often, and their answers. */
export interface IdempotencyStore {
  /**
   * @param abandonedBefore attempts that began before and have no answer died with their process
   * @param forgottenBefore what is older counts no more
   */
  begin(attempt: Attempt, abandonedBefore: string, forgottenBefore: string): Promise<Begun>;
  finish(attempt: Pick<Attempt, 'key' | 'attempt'>, answer: StoredAnswer): Promise<void>;
  /** It may be tried again. */
  release(attempt: Pick<Attempt, 'key' | 'attempt'>): Promise<void>;
  /** Removes what began before; how many. */
  sweep(before: string): Promise<number>;
}

export function createIdempotencyStore(db: Kysely<ApiSchema>): IdempotencyStore {
  return {
    async begin(attempt, abandonedBefore, forgottenBefore) {
      const { key, fingerprint } = attempt;
      await db
        .deleteFrom('idempotency')
        .where('key', '=', key)
        .where('startedAt', '<', forgottenBefore)
        .execute();
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('idempotency')
        .values({ ...attempt, status: null, answer: null })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .executeTakeFirst();
      if (numInsertedOrUpdatedRows === 1n) return 'begun';

      const known = await db
        .selectFrom('idempotency')
        .selectAll()
        .where('key', '=', key)
        .executeTakeFirst();
      // Released in this very moment: whoever asks next may begin.
      if (known === undefined) return 'in_flight';
      if (known.fingerprint !== fingerprint) return 'other_request';
      if (known.status !== null) return { status: known.status, answer: known.answer ?? '' };
      if (known.startedAt >= abandonedBefore) return 'in_flight';
      const { numUpdatedRows } = await db
        .updateTable('idempotency')
        .set({ attempt: attempt.attempt, startedAt: attempt.startedAt })
        .where('key', '=', key)
        .where('attempt', '=', known.attempt)
        .where('status', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows === 1n ? 'begun' : 'in_flight';
    },

    async finish({ key, attempt }, answer) {
      await db
        .updateTable('idempotency')
        .set(answer)
        .where('key', '=', key)
        .where('attempt', '=', attempt)
        .execute();
    },

    async release({ key, attempt }) {
      await db
        .deleteFrom('idempotency')
        .where('key', '=', key)
        .where('attempt', '=', attempt)
        .where('status', 'is', null)
        .execute();
    },

    async sweep(before) {
      const { numDeletedRows } = await db
        .deleteFrom('idempotency')
        .where('startedAt', '<', before)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
}
