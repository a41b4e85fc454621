import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Dispatcher } from 'undici';
import type { Announcements } from './announcements.ts';
import type { Claim } from './outbox.ts';
import { judge } from './schedule.ts';
import { SEND_TIMEOUT_MS, send } from './send.ts';

/** Streams that are sent to one endpoint at the same time. */
const STREAMS_PER_ENDPOINT = 8;
/** Between looks at what is due, when nothing wakes us: retries, and other processes' events, ms. */
const LOOK_EVERY_MS = 1_000;
/** What wakes us within this time is looked at together, ms. */
const GATHER_MS = 20;
/** A process that has been silent for so long is dead, and others take over, ms. */
const LEASE_MS = 4 * SEND_TIMEOUT_MS;
/** What is still being sent then is sent again when its lease has run out, ms. */
const CLOSE_GRACE_MS = 5_000;

export interface DeliverOptions {
  readonly announcements: Pick<Announcements, 'outbox' | 'onPublicEvent'>;
  /** Reaches endpoints; see `createGuardedAgent`. Stays the caller's to close. */
  readonly dispatcher: Dispatcher;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly clock?: () => Date;
  readonly random?: () => number;
  readonly lookEveryMs?: number;
  readonly timeoutMs?: number;
}

export interface Deliverer {
  /** Looks at once for what is due. */
  wake(): void;
  /** Finishes what is being sent, if it does not take long; the rest stays queued. */
  close(): Promise<void>;
}

/**
 * Sends what the outbox holds: the events of a call to an endpoint one after the other, different
 * calls and endpoints side by side. What is not known to have arrived is sent again, under the
 * same id.
 */
export function deliver(options: DeliverOptions): Deliverer {
  const {
    announcements,
    dispatcher,
    log,
    clock = () => new Date(),
    random = Math.random,
  } = options;
  const { queue } = announcements.outbox;
  const holder = randomUUID();
  /** By endpoint and stream. */
  const sending = new Map<string, Promise<void>>();
  const busy = new Map<string, number>();
  const stopping = new AbortController();
  let waker = Promise.withResolvers<void>();

  const wake = () => waker.resolve();
  const lease = () => {
    const now = clock();
    return { now, until: new Date(now.getTime() + LEASE_MS) };
  };

  /** Sends a stream to its end, or to the first event that has to wait. */
  async function drain(first: Claim): Promise<void> {
    let claim: Claim | undefined = first;
    while (claim !== undefined) {
      if (stopping.signal.aborted) return queue.release(claim);
      const sent = await send(claim, dispatcher, clock(), options.timeoutMs);
      const waiting = { attempts: claim.attempts, since: new Date(claim.queuedAt) };
      const verdict = judge(sent, waiting, clock(), random());
      const { deliveryId, endpoint } = claim;
      if (verdict.type !== 'delivered') {
        const { status, error } = sent.attempt;
        const fields = { deliveryId, endpointId: endpoint.id, verdict: verdict.type };
        log.warn({ ...fields, status, error }, 'event was not delivered');
      }
      claim = await queue.finish(claim, sent.attempt, verdict, lease());
    }
  }

  function start(claim: Claim): void {
    const { id } = claim.endpoint;
    const key = `${id} ${claim.stream}`;
    // A machine that slept may find its own lease run out.
    if (sending.has(key)) return;
    busy.set(id, (busy.get(id) ?? 0) + 1);
    const running = drain(claim)
      // Nothing is lost: the lease runs out, and the stream is taken up again.
      .catch((error: unknown) => log.warn({ err: error }, 'delivery could not be stored'))
      .finally(() => {
        busy.set(id, (busy.get(id) ?? 1) - 1);
        sending.delete(key);
        wake();
      });
    sending.set(key, running);
  }

  const room = (id: string) => STREAMS_PER_ENDPOINT - (busy.get(id) ?? 0);

  async function look(): Promise<void> {
    const claims = await queue.claim({ holder, ...lease(), room });
    for (const claim of claims) start(claim);
  }

  const running = (async () => {
    await queue.takeOver().catch((error: unknown) => {
      log.warn({ err: error }, 'leases of a sender before this one have to run out');
    });
    while (!stopping.signal.aborted) {
      waker = Promise.withResolvers<void>();
      await look().catch((error: unknown) => {
        log.warn({ err: error }, 'outbox could not be read');
      });
      const timer = setTimeout(wake, options.lookEveryMs ?? LOOK_EVERY_MS);
      await waker.promise;
      clearTimeout(timer);
      if (!stopping.signal.aborted) await delay(GATHER_MS);
    }
  })();
  const unsubscribe = announcements.onPublicEvent(wake);

  return {
    wake,
    async close() {
      unsubscribe();
      stopping.abort();
      wake();
      await running;
      await Promise.race([
        Promise.all(sending.values()),
        delay(CLOSE_GRACE_MS, undefined, { ref: false }),
      ]);
    },
  };
}
