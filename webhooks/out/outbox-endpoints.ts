import { randomBytes } from 'node:crypto';
import { ulid } from 'ulid';
import type { Endpoint, EndpointStore } from './outbox.ts';
import { deliverTo, eventRow } from './outbox-publish.ts';
import type { EndpointRow, OutboxDb } from './outbox-schema.ts';
import { pageOf } from '../../ledger/page.ts';

/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 24;

/** @param publish runs a transaction in which nobody else publishes */
export function createEndpointStore(
  db: OutboxDb,
  publish: <T>(work: (tx: OutboxDb) => Promise<T>) => Promise<T>,
): EndpointStore {
  async function get(id: string): Promise<Endpoint | undefined> {
    const row = await db
      .selectFrom('endpoints')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    return row && endpointOf(row);
  }

  return {
    get,

    async create({ url, events, description }) {
      const row: EndpointRow = {
        id: `ep_${ulid()}`,
        url,
        description: description ?? null,
        events: JSON.stringify(events),
        secret: newSecret(),
        oldSecret: null,
        oldSecretUntil: null,
        createdAt: new Date().toISOString(),
        disabledAt: null,
        disabledReason: null,
        failingSince: null,
        pausedUntil: null,
      };
      await db.insertInto('endpoints').values(row).execute();
      return { ...endpointOf(row), secret: row.secret };
    },

    async list({ limit, cursor }) {
      let query = db.selectFrom('endpoints').selectAll().orderBy('id', 'desc');
      if (cursor !== undefined) query = query.where('id', '<', cursor);
      return pageOf(await query.limit(limit + 1).execute(), limit, endpointOf, ({ id }) => id);
    },

    async change(id, { url, events, description, disabled }) {
      const now = new Date().toISOString();
      const known = await get(id);
      if (known === undefined) return undefined;
      const wasDisabled = known.disabledAt !== undefined;
      const fields = {
        ...(url !== undefined && { url }),
        ...(events !== undefined && { events: JSON.stringify(events) }),
        ...(description !== undefined && { description }),
        ...(disabled === true &&
          !wasDisabled && { disabledAt: now, disabledReason: 'operator' as const }),
        ...(disabled === false && {
          disabledAt: null,
          disabledReason: null,
          failingSince: null,
          pausedUntil: null,
        }),
      };
      if (Object.keys(fields).length > 0) {
        await db.updateTable('endpoints').set(fields).where('id', '=', id).execute();
      }
      return get(id);
    },

    async delete(id) {
      const isDeleted = await publish(async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('endpoints')
          .where('id', '=', id)
          .executeTakeFirst();
        await tx
          .updateTable('deliveries')
          .set({ state: 'dead', finishedAt: new Date().toISOString() })
          .where('endpointId', '=', id)
          .where('state', '=', 'pending')
          .execute();
        return numDeletedRows > 0n;
      });
      // Afterwards: who publishes holds streams and waits for its turn to.
      await db.deleteFrom('streams').where('endpointId', '=', id).execute();
      return isDeleted;
    },

    async rotate(id, oldUntil) {
      const secret = newSecret();
      const { numUpdatedRows } = await db
        .updateTable('endpoints')
        .set((eb) => ({
          secret,
          oldSecret: eb.ref('secret'),
          oldSecretUntil: oldUntil.toISOString(),
        }))
        .where('id', '=', id)
        .executeTakeFirst();
      return numUpdatedRows > 0n ? secret : undefined;
    },

    test: (id) =>
      publish(async (tx) => {
        const known = await tx
          .selectFrom('endpoints')
          .select('id')
          .where('id', '=', id)
          .executeTakeFirst();
        if (known === undefined) return undefined;
        const event = await tx
          .insertInto('publicEvents')
          .values(eventRow('endpoint.test', { endpointId: id }))
          .returning(['position', 'id', 'callId'])
          .executeTakeFirstOrThrow();
        const [deliveryId] = await deliverTo(tx, id, [event]);
        return deliveryId;
      }),
  };
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

function endpointOf(row: EndpointRow): Endpoint {
  const { id, url, events, description, createdAt, disabledAt, disabledReason, failingSince } = row;
  return {
    id,
    url,
    events: JSON.parse(events) as string[],
    createdAt,
    ...(description !== null && { description }),
    ...(disabledAt !== null && { disabledAt }),
    ...(disabledReason !== null && { disabledReason }),
    ...(failingSince !== null && { failingSince }),
  };
}
