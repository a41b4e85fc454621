import type { Kysely } from 'kysely';
import { createDeliveryStore } from './outbox-deliveries.ts';
import { createEndpointStore } from './outbox-endpoints.ts';
import type { QueueOptions } from './outbox-queue.ts';
import { createDeliveryQueue } from './outbox-queue.ts';
import type { Outbox } from './outbox.ts';
import type { LedgerSchema } from './schema.ts';

/** Part of the ledger; shares its connection. */
export function createOutbox(db: Kysely<LedgerSchema>, options: QueueOptions): Outbox {
  return {
    endpoints: createEndpointStore(db, options.publish),
    deliveries: createDeliveryStore(db),
    queue: createDeliveryQueue(db, options),
  };
}
