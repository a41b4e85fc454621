import type { Kysely, SelectQueryBuilder } from 'kysely';
import type { Attempt, Claim, ClaimOptions, DeliveryQueue, Verdict } from './outbox.ts';
import { eventRow, insertEvents, publicEventOf } from './outbox-publish.ts';
import type { EndpointRow } from './outbox-schema.ts';
import type { LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;

/** An endpoint that nothing could be delivered to for so long is left alone, ms. */
const DISABLE_AFTER_MS = 5 * 24 * 3_600_000;
/** One that nothing could be delivered to for this long is told everything once it is back, ms. */
const AWAY_MS = 5 * 60_000;

export interface QueueOptions {
  /** Several processes may claim at once; SQLite has one, and no row locks. */
  readonly rowLocks: boolean;
  /** Runs a transaction in which nobody else publishes. */
  readonly publish: <T>(work: (tx: Db) => Promise<T>) => Promise<T>;
}

/**
 * A transaction of it holds one stream's row, or takes those that are free: those who publish
 * wait for rows one after the other, and so never in a circle.
 */
export function createDeliveryQueue(db: Db, { rowLocks, publish }: QueueOptions): DeliveryQueue {
  function free<T extends keyof LedgerSchema, O>(
    query: SelectQueryBuilder<LedgerSchema, T, O>,
  ): SelectQueryBuilder<LedgerSchema, T, O> {
    return rowLocks ? query.forUpdate().skipLocked() : query;
  }

  async function claimOf(
    tx: Db,
    endpoint: EndpointRow,
    stream: string,
    { holder, now, until }: Pick<ClaimOptions, 'holder' | 'now' | 'until'>,
  ): Promise<Claim | undefined> {
    const head = await tx
      .selectFrom('deliveries')
      .innerJoin('publicEvents', 'publicEvents.position', 'deliveries.position')
      .selectAll('publicEvents')
      .select(['deliveries.id as deliveryId', 'attempts'])
      .where('endpointId', '=', endpoint.id)
      .where('stream', '=', stream)
      .where('state', '=', 'pending')
      .orderBy('deliveries.position')
      .limit(1)
      .executeTakeFirst();
    if (head === undefined) {
      await tx
        .deleteFrom('streams')
        .where('endpointId', '=', endpoint.id)
        .where('stream', '=', stream)
        .execute();
      return undefined;
    }
    await tx
      .updateTable('streams')
      .set({ leasedBy: holder, leasedUntil: until.toISOString() })
      .where('endpointId', '=', endpoint.id)
      .where('stream', '=', stream)
      .execute();
    const { id, url, secret, oldSecret, oldSecretUntil } = endpoint;
    const oldSigns = oldSecretUntil !== null && oldSecretUntil > now.toISOString();
    const secrets = oldSigns && oldSecret !== null ? [secret, oldSecret] : [secret];
    const { deliveryId, attempts } = head;
    const event = publicEventOf(head);
    return { holder, stream, deliveryId, attempts, event, endpoint: { id, url, secrets } };
  }

  /** Enabled, and not asked to be left in peace for a while. */
  const willing = (now: string) =>
    db
      .selectFrom('endpoints')
      .selectAll('endpoints')
      .where('disabledAt', 'is', null)
      .where((eb) => eb.or([eb('pausedUntil', 'is', null), eb('pausedUntil', '<=', now)]));

  const due = (from: Db, now: string) =>
    from
      .selectFrom('streams')
      .where('nextAt', '<=', now)
      .where((eb) => eb.or([eb('leasedUntil', 'is', null), eb('leasedUntil', '<=', now)]));

  async function attend(claim: Claim, { at, status }: Attempt, verdict: Verdict, now: Date) {
    const { id } = claim.endpoint;
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
    await db
      .updateTable('endpoints')
      .set({ failingSince: null, pausedUntil: null })
      .where('id', '=', id)
      .execute();
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

  return {
    async claim({ holder, now, until, room }) {
      const at = now.toISOString();
      const endpoints = await willing(at)
        .where('id', 'in', due(db, at).select('endpointId').distinct())
        .execute();
      const claims: Claim[] = [];
      for (const endpoint of endpoints) {
        const limit = room(endpoint.id);
        if (limit <= 0) continue;
        const claimed = await db.transaction().execute(async (tx) => {
          const streams = await free(
            due(tx, at)
              .select('stream')
              .where('endpointId', '=', endpoint.id)
              .orderBy('nextAt')
              .limit(limit),
          ).execute();
          const found: Claim[] = [];
          for (const { stream } of streams) {
            const claim = await claimOf(tx, endpoint, stream, { holder, now, until });
            if (claim !== undefined) found.push(claim);
          }
          return found;
        });
        claims.push(...claimed);
      }
      return claims;
    },

    async finish(claim, attempt, verdict, { now, until }) {
      const { holder, stream, deliveryId } = claim;
      const { id: endpointId } = claim.endpoint;
      const next = await db.transaction().execute(async (tx) => {
        const held = await tx
          .updateTable('streams')
          .set({ leasedBy: null, leasedUntil: null })
          .where('endpointId', '=', endpointId)
          .where('stream', '=', stream)
          .where('leasedBy', '=', holder)
          .executeTakeFirst();
        if (held.numUpdatedRows === 0n) return 'lost';
        await log(tx, deliveryId, attempt);
        await settle(tx, claim, verdict, now);
        if (verdict.type === 'retry' || verdict.type === 'gone') return undefined;
        const endpoint = await tx
          .selectFrom('endpoints')
          .selectAll()
          .where('id', '=', endpointId)
          .where('disabledAt', 'is', null)
          .executeTakeFirst();
        return endpoint && claimOf(tx, endpoint, stream, { holder, now, until });
      });
      if (next === 'lost') return undefined;
      await attend(claim, attempt, verdict, now);
      return next;
    },

    async takeOver() {
      // Beside us others may be sending: their leases run out by themselves.
      if (rowLocks) return;
      await db.updateTable('streams').set({ leasedBy: null, leasedUntil: null }).execute();
    },

    async release({ holder, stream, endpoint }) {
      await db
        .updateTable('streams')
        .set({ leasedBy: null, leasedUntil: null })
        .where('endpointId', '=', endpoint.id)
        .where('stream', '=', stream)
        .where('leasedBy', '=', holder)
        .execute();
    },
  };
}

async function log(tx: Db, deliveryId: string, attempt: Attempt): Promise<void> {
  const { last } = await tx
    .selectFrom('attempts')
    .select(({ fn }) => fn.max('number').as('last'))
    .where('deliveryId', '=', deliveryId)
    .executeTakeFirstOrThrow();
  await tx
    .insertInto('attempts')
    .values({
      deliveryId,
      number: (last ?? 0) + 1,
      at: attempt.at,
      status: attempt.status ?? null,
      ms: Math.round(attempt.ms),
      error: attempt.error ?? null,
    })
    .execute();
}

async function settle(tx: Db, claim: Claim, verdict: Verdict, now: Date): Promise<void> {
  const { stream, deliveryId, endpoint } = claim;
  const delivery = tx.updateTable('deliveries').where('id', '=', deliveryId);
  if (verdict.type !== 'retry') {
    await delivery
      .set((eb) => ({
        state: verdict.type === 'delivered' ? 'delivered' : 'dead',
        attempts: eb('attempts', '+', 1),
        finishedAt: now.toISOString(),
      }))
      .execute();
    return;
  }
  if (verdict.counts) await delivery.set((eb) => ({ attempts: eb('attempts', '+', 1) })).execute();
  await tx
    .updateTable('streams')
    .set({ nextAt: verdict.at.toISOString() })
    .where('endpointId', '=', endpoint.id)
    .where('stream', '=', stream)
    .execute();
}
