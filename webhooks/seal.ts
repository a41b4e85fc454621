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

/** Seals the calls of which nothing more is expected, and those that are given up. How many. */
export async function sealSettled(
  ledger: Pick<Ledger, 'openCalls' | 'seal'>,
  now: Date,
): Promise<number> {
  let sealed = 0;
  for (const { call, touchedAt } of await ledger.openCalls()) {
    if (!isFinal(call.state)) continue;
    const quiet = now.getTime() - Date.parse(touchedAt);
    if (quiet < QUIET_MS[outstanding(call)]) continue;
    if (await ledger.seal(call.id, now.toISOString())) sealed += 1;
    // SQLite never waits: requests have their turn between two records.
    await turn();
  }
  return sealed;
}
