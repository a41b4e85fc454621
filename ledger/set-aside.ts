import type { Kysely } from 'kysely';
import type { CallEvent } from '../calls/events.ts';
import type { LedgerSchema, SetAsideRow } from './sql/schema.ts';
import { isForAll, reasonOf } from './store-errors.ts';

/** Tried again so often at first: a row that was locked is free after moments, ms. */
const AGAIN_MS = 1_000;
/** For so long; then at a tenth of its age, because what is a bug waits for the next version, ms. */
const AT_FIRST_MS = 300_000;
const AGAIN_AT_MOST_MS = 600_000;
/** Tried in one run. */
const PORTION = 100;

/** What could not be recorded when it came, on disk and tried again until it can. */
export interface SetAside {
  /** Of what does not even become an event. The reason is logged and kept, so no person is in it. */
  keep(what: Kept): Promise<void>;
  /** Tries those that are due. How many have been recorded. Rejects when the store is away. */
  retry(now: Date, translate: Translate): Promise<number>;
  /** Oldest first. */
  list(limit: number): Promise<readonly SetAsideEvent[]>;
  count(): Promise<number>;
}

export interface Kept {
  readonly id: string;
  readonly form: Form;
  /** As it came; JSON. */
  readonly body: unknown;
  readonly error: unknown;
}

const HELD_UP = 'another transaction holds its call';

/** `event`: it was understood, and recording it failed; else it was not, and is as it was sent. */
type Form = 'event' | 'report' | 'webhook';

/** Throws what is wrong with it. */
export type Translate = (
  form: Exclude<Form, 'event'>,
  body: unknown,
  receivedAt: Date,
) => CallEvent;

export interface SetAsideEvent {
  readonly id: string;
  readonly form: Form;
  readonly reason: string;
  readonly receivedAt: string;
  readonly attempts: number;
  readonly nextAt: string;
}

/**
 * @param record stores an event that nothing is known of; false when its call is held by somebody
 *   else at this moment
 */
export function createSetAside(
  db: Kysely<LedgerSchema>,
  record: (event: CallEvent) => Promise<boolean>,
): SetAside {
  async function attempt(row: SetAsideRow, translate: Translate): Promise<string | undefined> {
    try {
      const body: unknown = JSON.parse(row.body);
      const event =
        row.form === 'event'
          ? (body as CallEvent)
          : translate(row.form, body, new Date(row.receivedAt));
      return (await record(event)) ? undefined : HELD_UP;
    } catch (error) {
      if (isForAll(error)) throw error;
      return reasonOf(error);
    }
  }

  return {
    async keep({ id, form, body, error }) {
      const now = new Date();
      await db
        .insertInto('setAside')
        .values({
          id,
          form,
          body: JSON.stringify(body),
          reason: reasonOf(error),
          receivedAt: now.toISOString(),
          attempts: 1,
          nextAt: new Date(now.getTime() + AGAIN_MS).toISOString(),
        })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
    },

    async retry(now, translate) {
      const due = await db
        .selectFrom('setAside')
        .selectAll()
        .where('nextAt', '<=', now.toISOString())
        .orderBy('nextAt')
        .limit(PORTION)
        .execute();
      let recorded = 0;
      for (const row of due) {
        const reason = await attempt(row, translate);
        if (reason === undefined) {
          await db.deleteFrom('setAside').where('id', '=', row.id).execute();
          recorded += 1;
          continue;
        }
        const age = now.getTime() - Date.parse(row.receivedAt);
        const wait = age < AT_FIRST_MS ? AGAIN_MS : Math.min(age / 10, AGAIN_AT_MOST_MS);
        await db
          .updateTable('setAside')
          .set((eb) => ({
            reason,
            attempts: eb('attempts', '+', 1),
            nextAt: new Date(now.getTime() + wait).toISOString(),
          }))
          .where('id', '=', row.id)
          .execute();
      }
      return recorded;
    },

    async list(limit) {
      return db
        .selectFrom('setAside')
        .select(['id', 'form', 'reason', 'receivedAt', 'attempts', 'nextAt'])
        .orderBy('receivedAt')
        .limit(limit)
        .execute();
    },

    async count() {
      const { count } = await db
        .selectFrom('setAside')
        .select(({ fn }) => fn.countAll<number | string>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
  };
}
