import { createBatcher } from '../../ledger/batcher.ts';
import type { Free } from './outbox-health.ts';
import { createEndpointHealth } from './outbox-health.ts';
import type { Attempt, Claim, ClaimOptions, DeliveryQueue, Lease, Verdict } from './outbox.ts';
import { publicEventOf } from './outbox-publish.ts';
import type { EndpointRow, OutboxDb } from './outbox-schema.ts';

export interface QueueOptions {
  /** Several processes may claim at once; SQLite has one, and no row locks. */
  readonly rowLocks: boolean;
  /** Runs a transaction in which nobody else publishes. */
  readonly publish: <T>(work: (tx: OutboxDb) => Promise<T>) => Promise<T>;
}

interface Finish extends Lease {
  readonly claim: Claim;
  readonly attempt: Attempt;
  readonly verdict: Verdict;
}

async function claimOf(
  tx: OutboxDb,
  endpoint: EndpointRow,
  stream: string,
  { holder, now, until }: Pick<ClaimOptions, 'holder' | 'now' | 'until'>,
): Promise<Claim | undefined> {
  const head = await tx
    .selectFrom('deliveries')
    .innerJoin('publicEvents', 'publicEvents.position', 'deliveries.position')
    .selectAll('publicEvents')
    .select(['deliveries.id as deliveryId', 'attempts', 'createdAt as queuedAt'])
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
  const { deliveryId, attempts, queuedAt } = head;
  const event = publicEventOf(head);
  const target = { id, url, secrets };
  return { holder, stream, deliveryId, attempts, queuedAt, event, endpoint: target };
}

/** Enabled, and not asked to be left in peace for a while. */
const willing = (from: OutboxDb, now: string) =>
  from
    .selectFrom('endpoints')
    .selectAll('endpoints')
    .where('disabledAt', 'is', null)
    .where((eb) => eb.or([eb('pausedUntil', 'is', null), eb('pausedUntil', '<=', now)]));

const due = (from: OutboxDb, now: string) =>
  from
    .selectFrom('streams')
    .where('nextAt', '<=', now)
    .where((eb) => eb.or([eb('leasedUntil', 'is', null), eb('leasedUntil', '<=', now)]));

async function finishIn(
  tx: OutboxDb,
  { claim, attempt, verdict, now, until }: Finish,
): Promise<Claim | 'lost' | undefined> {
  const { holder, stream, deliveryId } = claim;
  const { id: endpointId } = claim.endpoint;
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
  const endpoint = await willing(tx, now.toISOString())
    .where('id', '=', endpointId)
    .executeTakeFirst();
  return endpoint && claimOf(tx, endpoint, stream, { holder, now, until });
}

/**
 * A transaction of it holds one stream's row, or takes those that are free: those who publish
 * wait for rows one after the other, and so never in a circle.
 */
export function createDeliveryQueue(
  db: OutboxDb,
  { rowLocks, publish }: QueueOptions,
): DeliveryQueue {
  const free: Free = (query) => (rowLocks ? query.forUpdate().skipLocked() : query);

  async function finishAll(finishes: readonly Finish[]) {
    return db.transaction().execute(async (tx) => {
      const next: (Claim | 'lost' | undefined)[] = [];
      for (const finish of finishes) next.push(await finishIn(tx, finish));
      return next;
    });
  }

  const health = createEndpointHealth(db, { free, publish });
  // One process waits for its disk once for many; several must not hold many rows at a time.
  const together = createBatcher(finishAll);

  return {
    async claim({ holder, now, until, room }) {
      const at = now.toISOString();
      const claims: Claim[] = [];
      for (const endpoint of await willing(db, at).execute()) {
        const limit = room(endpoint.id);
        if (limit <= 0) continue;
        const any = await due(db, at)
          .select('stream')
          .where('endpointId', '=', endpoint.id)
          .limit(1)
          .executeTakeFirst();
        if (any === undefined) continue;
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

    async finish(claim, attempt, verdict, lease) {
      const finish = { claim, attempt, verdict, ...lease };
      const next = rowLocks ? (await finishAll([finish]))[0] : await together.run(finish);
      if (next === 'lost') return undefined;
      await health.note(claim.endpoint.id, attempt, verdict, lease.now);
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

async function log(tx: OutboxDb, deliveryId: string, attempt: Attempt): Promise<void> {
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

async function settle(tx: OutboxDb, claim: Claim, verdict: Verdict, now: Date): Promise<void> {
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
