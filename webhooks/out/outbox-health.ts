import type { SelectQueryBuilder } from 'kysely';
import type { Attempt, Verdict } from './outbox.ts';
import { eventRow, insertEvents } from './outbox-publish.ts';
import type { OutboxDb, OutboxSchema } from './outbox-schema.ts';

/** An endpoint that nothing could be delivered to for so long is left alone, ms. */
const DISABLE_AFTER_MS = 5 * 24 * 3_600_000;
/** One that nothing could be delivered to for this long is told everything once it is back, ms. */
const AWAY_MS = 5 * 60_000;

/** Of the rows, those that nobody holds; holds them until the transaction ends. */
export type Free = <T extends keyof OutboxSchema, O>(
  query: SelectQueryBuilder<OutboxSchema, T, O>,
) => SelectQueryBuilder<OutboxSchema, T, O>;

export interface HealthOptions {
  readonly free: Free;
  /** Runs a transaction in which nobody else publishes. */
  readonly publish: <T>(work: (tx: OutboxDb) => Promise<T>) => Promise<T>;
}

export interface EndpointHealth {
  /** An attempt was made: since when it fails, whether it is back, when to leave it alone. */
  note(id: string, attempt: Attempt, verdict: Verdict, now: Date): Promise<void>;
}

/** What deliveries say about their endpoint. In transactions of its own: see the queue. */
export function createEndpointHealth(
  db: OutboxDb,
  { free, publish }: HealthOptions,
): EndpointHealth {
  async function note(
    id: string,
    { at, status }: Attempt,
    verdict: Verdict,
    now: Date,
  ): Promise<void> {
    if (verdict.type === 'delivered') return recovered(id, now);
    const pause = verdict.type === 'retry' && !verdict.counts && { pausedUntil: verdict.at };
    const row = await db
      .updateTable('endpoints')
      .set((eb) => ({
        failingSince: eb.fn.coalesce('failingSince', eb.val(at)),
        ...(pause && { pausedUntil: pause.pausedUntil.toISOString() }),
      }))
      .where('id', '=', id)
      .returning('failingSince')
      .executeTakeFirst();
    const failingMs = now.getTime() - Date.parse(row?.failingSince ?? at);
    if (verdict.type === 'gone') return disable(id, 'gone', status, now);
    if (failingMs >= DISABLE_AFTER_MS) return disable(id, 'failing', status, now);
  }

  async function recovered(id: string, now: Date): Promise<void> {
    const failing = await db
      .selectFrom('endpoints')
      .select('failingSince')
      .where('id', '=', id)
      .where('failingSince', 'is not', null)
      .executeTakeFirst();
    if (failing?.failingSince === undefined || failing.failingSince === null) return;
    await db.updateTable('endpoints').set({ failingSince: null }).where('id', '=', id).execute();
    if (now.getTime() - Date.parse(failing.failingSince) < AWAY_MS) return;
    await db.transaction().execute(async (tx) => {
      const waiting = await free(
        tx
          .selectFrom('streams')
          .select('stream')
          .where('endpointId', '=', id)
          .where('nextAt', '>', now.toISOString()),
      ).execute();
      for (const { stream } of waiting) {
        await tx
          .updateTable('streams')
          .set({ nextAt: now.toISOString() })
          .where('endpointId', '=', id)
          .where('stream', '=', stream)
          .execute();
      }
    });
  }

  async function disable(
    id: string,
    disabledReason: 'gone' | 'failing',
    lastStatus: number | undefined,
    now: Date,
  ): Promise<void> {
    await publish(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('endpoints')
        .set({ disabledAt: now.toISOString(), disabledReason })
        .where('id', '=', id)
        .where('disabledAt', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return;
      const data = { endpointId: id, reason: disabledReason, lastStatus };
      await insertEvents(tx, [eventRow('endpoint.disabled', data)]);
    });
  }

  return { note };
}
