import type { Logger } from 'pino';
import type { Announcements } from './announcements.ts';
import type { Deliverer } from './deliver.ts';
import { deliver } from './deliver.ts';
import { createGuardedAgent } from './guarded-agent.ts';
import { createReachable } from './reachable.ts';

export interface DelivererOptions {
  readonly announcements: Pick<Announcements, 'outbox' | 'onPublicEvent'>;
  /** See `Config.endpointAllow`. */
  readonly endpointAllow: readonly string[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Sends from now on. Throws when what is allowed is no address. */
export function startDeliverer({ announcements, endpointAllow, log }: DelivererOptions): Deliverer {
  const dispatcher = createGuardedAgent(createReachable(endpointAllow));
  const deliverer = deliver({ announcements, dispatcher, log });
  return {
    ...deliverer,
    async close() {
      await deliverer.close();
      await dispatcher.destroy();
    },
  };
}
