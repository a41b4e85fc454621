import type { Delivery, DeliveryStore } from './outbox.ts';
import { holdStreams } from './outbox-publish.ts';
import type { DeliveryRow, OutboxDb, PublicEventRow } from './outbox-schema.ts';
import { pageOf } from '../../ledger/page.ts';

type Row = DeliveryRow & Pick<PublicEventRow, 'type' | 'callId' | 'sequence'> & { eventId: string };

/** The delivery log. */
export function createDeliveryStore(db: OutboxDb): DeliveryStore {
  const rows = () =>
    db
      .selectFrom('deliveries')
      .innerJoin('publicEvents', 'publicEvents.position', 'deliveries.position')
      .selectAll('deliveries')
      .select(['type', 'callId', 'sequence', 'publicEvents.id as eventId']);

  return {
    async list({ limit, cursor, state, endpointId, callId }) {
      let query = rows().orderBy('deliveries.id', 'desc');
      if (cursor !== undefined) query = query.where('deliveries.id', '<', cursor);
      if (state !== undefined) query = query.where('state', '=', state);
      if (endpointId !== undefined) query = query.where('endpointId', '=', endpointId);
      if (callId !== undefined) query = query.where('callId', '=', callId);
      return pageOf(await query.limit(limit + 1).execute(), limit, deliveryOf, ({ id }) => id);
    },

    async get(id) {
      const row = await rows().where('deliveries.id', '=', id).executeTakeFirst();
      if (row === undefined) return undefined;
      const attempts = await db
        .selectFrom('attempts')
        .selectAll()
        .where('deliveryId', '=', id)
        .orderBy('number')
        .execute();
      const log = attempts.map(({ at, status, ms, error }) => ({
        at,
        ms,
        ...(status !== null && { status }),
        ...(error !== null && { error }),
      }));
      return { ...deliveryOf(row), log };
    },

    retry: (id) =>
      db.transaction().execute(async (tx) => {
        const row = await tx
          .selectFrom('deliveries')
          .innerJoin('endpoints', 'endpoints.id', 'deliveries.endpointId')
          .select(['endpointId', 'stream'])
          .where('deliveries.id', '=', id)
          .executeTakeFirst();
        if (row === undefined) return false;
        const { endpointId, stream } = row;
        await holdStreams(tx, endpointId, [stream]);
        await tx
          .updateTable('streams')
          .set({ nextAt: new Date().toISOString() })
          .where('endpointId', '=', endpointId)
          .where('stream', '=', stream)
          .execute();
        await tx
          .updateTable('deliveries')
          .set({ state: 'pending', attempts: 0, finishedAt: null })
          .where('id', '=', id)
          .execute();
        return true;
      }),
  };
}

function deliveryOf(row: Row): Delivery {
  const { id, endpointId, eventId, type, callId, sequence, state, attempts, createdAt } = row;
  return {
    id,
    endpointId,
    eventId,
    type,
    callId,
    sequence,
    state,
    attempts,
    createdAt,
    ...(row.finishedAt !== null && { finishedAt: row.finishedAt }),
  };
}
