import type { FastifyBaseLogger } from 'fastify';
import type { Ledger } from '../ledger/ledger.ts';

/** A write that succeeded speaks for the next ones for this long, ms. */
const GOOD_FOR_MS = 30_000;
/** A probe that failed is not tried again for this long, ms. */
const BAD_FOR_MS = 1_000;

export interface WrittenLedger {
  /** The ledger through which events are to be recorded, so that their fate counts. */
  readonly ledger: Ledger;
  readonly isWritable: () => Promise<boolean>;
}

/**
 * Whether the ledger can be written. Anybody may ask, and a probe writes 128 KiB: so there is one
 * only when nothing else was written lately, and all who ask meanwhile share it. An event that
 * could not be stored is reason to look again at once.
 */
export function watchWrites(deps: {
  readonly ledger: Ledger;
  readonly log: Pick<FastifyBaseLogger, 'error'>;
  readonly now?: () => number;
}): WrittenLedger {
  const { ledger, log, now = () => performance.now() } = deps;
  let known: { readonly writable: boolean; readonly until: number } | undefined;
  let probing: Promise<void> | undefined;

  async function probe(): Promise<void> {
    try {
      await ledger.probe();
      known = { writable: true, until: now() + GOOD_FOR_MS };
    } catch (error) {
      log.error({ err: error }, 'the ledger cannot be written');
      known = { writable: false, until: now() + BAD_FOR_MS };
    } finally {
      probing = undefined;
    }
  }

  return {
    ledger: {
      ...ledger,
      async record(events) {
        try {
          const recorded = await ledger.record(events);
          known = { writable: true, until: now() + GOOD_FOR_MS };
          return recorded;
        } catch (error) {
          // Whether the ledger or the events are to blame is for a probe to say.
          if (known?.writable) known = undefined;
          throw error;
        }
      },
    },
    async isWritable() {
      if (known === undefined || known.until <= now()) await (probing ??= probe());
      return known?.writable ?? false;
    },
  };
}
