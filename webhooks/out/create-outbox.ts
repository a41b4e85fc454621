import { createDeliveryStore } from './outbox-deliveries.ts';
import { createEndpointStore } from './outbox-endpoints.ts';
import type { QueueOptions } from './outbox-queue.ts';
import { createDeliveryQueue } from './outbox-queue.ts';
import type { Outbox } from './outbox.ts';
import type { OutboxDb } from './outbox-schema.ts';

/** Part of the ledger; shares its connection. */
export function createOutbox(db: OutboxDb, options: QueueOptions): Outbox {
  return {
    endpoints: createEndpointStore(db, options.publish),
    deliveries: createDeliveryStore(db),
    queue: createDeliveryQueue(db, options),
  };
}
