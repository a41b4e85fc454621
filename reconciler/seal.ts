import { setImmediate as turn } from 'node:timers/promises';
import type { Call } from '../calls/call.ts';
import { isFinal } from '../calls/call.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { mayComeBack, outstanding } from '../calls/state.ts';
import { isForAll } from '../ledger/store-errors.ts';

/** Webhooks and reports of one end arrive within this, ms without any event. */
const QUIET_MS = 2_000;
/** A worker that owes its last report, and a caller who was cut off, may come back until then. */
const RETURN_MS = 30_000;
/** The reconciler looks after a room that stays open; others may come and go in it, ms. */
const ROOM_MS = 300_000;

/** Sealed together, so that the disk is waited for once, and nobody waits for long. */
const PORTION = 32;

/**
 * Seals the calls of which nothing more is expected, and those that are given up. How many. When one
 * cannot be sealed it rejects, but with the others sealed.
 */
export async function sealSettled(
  ledger: Pick<Ledger, 'openCalls' | 'seal'>,
  now: Date,
): Promise<number> {
  const settled = (await ledger.openCalls()).filter(
    ({ call, touchedAt }) => isFinal(call.state) && isSettled(call, touchedAt, now),
  );
  let sealed = 0;
  const failures: unknown[] = [];
  const seal = async (ids: readonly string[]) => {
    sealed += (await ledger.seal(ids, now.toISOString())).length;
  };
  for (let start = 0; start < settled.length; start += PORTION) {
    const ids = settled.slice(start, start + PORTION).map(({ call }) => call.id);
    await seal(ids).catch(async (error: unknown) => {
      if (isForAll(error)) throw error;
      for (const id of ids) await seal([id]).catch((reason: unknown) => failures.push(reason));
    });
    // SQLite never waits: requests have their turn in between.
    await turn();
  }
  if (failures.length > 0) throw new AggregateError(failures, 'records could not be sealed');
  return sealed;
}

function isSettled(call: Call, touchedAt: string, now: Date): boolean {
  const since = (time: string) => now.getTime() - Date.parse(time);
  const missing = outstanding(call);
  const isComplete = missing.every((one) => one === 'room') && !mayComeBack(call);
  if (since(touchedAt) < (isComplete ? QUIET_MS : RETURN_MS)) return false;
  return !missing.includes('room') || since(call.endedAt ?? call.startedAt) >= ROOM_MS;
}
