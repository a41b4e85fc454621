import { setImmediate as turn } from 'node:timers/promises';
import { isFinal } from '../calls/call.ts';
import type { Ledger } from '../calls/ledger.ts';
import { outstanding } from '../calls/state.ts';

/**
 * How long a call that is over must have been quiet before its record is final, ms: webhooks and
 * reports of one end arrive within a second; a worker that owes its last report may be starting
 * again; a room that stays open is looked after by the reconciler.
 */
const QUIET_MS = { nothing: 2_000, reports: 30_000, room: 300_000 } as const;

/** Sealed together, so that the disk is waited for once, and nobody waits for long. */
const PORTION = 32;

/** Seals the calls of which nothing more is expected, and those that are given up. How many. */
export async function sealSettled(
  ledger: Pick<Ledger, 'openCalls' | 'seal'>,
  now: Date,
): Promise<number> {
  const settled = (await ledger.openCalls()).filter(({ call, touchedAt }) => {
    const quiet = now.getTime() - Date.parse(touchedAt);
    return isFinal(call.state) && quiet >= QUIET_MS[outstanding(call)];
  });
  let sealed = 0;
  for (let start = 0; start < settled.length; start += PORTION) {
    const ids = settled.slice(start, start + PORTION).map(({ call }) => call.id);
    sealed += (await ledger.seal(ids, now.toISOString())).length;
    // SQLite never waits: requests have their turn in between.
    await turn();
  }
  return sealed;
}
