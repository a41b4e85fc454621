import type { Kysely } from 'kysely';
import { HELD, createBatcher } from './batcher.ts';
import { eraseCall } from './erase-person.ts';
import type { Arrived, NumberRules } from './erased-numbers.ts';
import { eraseArriving } from './erased-numbers.ts';
import type { CallEvent } from './events.ts';
import type { Recorded } from './ledger.ts';
import type { CallChanges } from './outbox-publish.ts';
import { createCallChanges, publishChanges } from './outbox-publish.ts';
import { readFor, recordEvent } from './record-event.ts';
import type { WriteLocks } from './row-locks.ts';
import { TooFewLocks } from './row-locks.ts';
import type { Key, LedgerSchema } from './schema.ts';
import type { SetAside } from './set-aside.ts';
import { createSetAside } from './set-aside.ts';
import { ConflictError, isConflict, reasonOf } from './store-errors.ts';
import { UnitOfWork } from './unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** A transaction that others got in the way of is begun anew so often. */
const MAX_ATTEMPTS = 20;

export interface RecorderOptions {
  readonly locks: WriteLocks;
  /** See `publishChanges`. */
  readonly publishLock: ((tx: Db) => Promise<void>) | undefined;
  /** What is erased as it comes. */
  readonly numbers: NumberRules | undefined;
  /** Told when the log of public events has grown. */
  readonly onPublished: () => void;
}

export interface Recorder {
  /** See `Ledger.record`. */
  record(events: readonly CallEvent[]): Promise<readonly Recorded[]>;
  /** One transaction on the records, with all that others are to be told of it. */
  write<T>(work: (unit: UnitOfWork, changes: CallChanges) => Promise<T>): Promise<T>;
  readonly setAside: SetAside;
  /** Finishes what was asked for. */
  close(): Promise<void>;
}

/**
 * Stores events, many in a transaction. One that cannot be recorded holds up no other: it is set
 * aside, on disk as well.
 *
 * @param db nobody else's connections, so that nobody else's waiting is waited for
 */
export function createRecorder(db: Db, options: RecorderOptions): Recorder {
  const { locks, publishLock, numbers, onPublished } = options;

  async function write<T>(
    work: (unit: UnitOfWork, changes: CallChanges) => Promise<T>,
  ): Promise<T> {
    let published = 0;
    const result = await db.transaction().execute(async (tx) => {
      const changes = createCallChanges();
      const unit = new UnitOfWork(tx, changes);
      const done = await work(unit, changes);
      await unit.flush();
      published = await publishChanges(tx, changes, publishLock);
      for (const id of unit.erased) await eraseCall(tx, id, new Date().toISOString());
      return done;
    });
    if (published > 0) onPublished();
    return result;
  }

  async function store(events: readonly CallEvent[]): Promise<readonly (Recorded | typeof HELD)[]> {
    let more: readonly Key[] = [];
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      try {
        return await write(async (unit, changes) => {
          const free = new Set(await locks.forEvents(unit, events, more));
          const arrive = await arriving(unit.db, [...free]);
          const arrived = events.map((event) => (free.has(event) ? arrive(event) : HELD));
          await readFor(
            unit,
            arrived.flatMap((one) => (one === HELD ? [] : one.event)),
          );
          const results: (Recorded | typeof HELD)[] = [];
          for (const one of arrived) {
            results.push(one === HELD ? HELD : await recordArrived(unit, changes, one));
          }
          return results;
        });
      } catch (error) {
        if (error instanceof TooFewLocks) more = error.keys;
        else if (!isConflict(error)) throw error;
      }
    }
    throw new ConflictError();
  }

  async function arriving(tx: Db, events: readonly CallEvent[]) {
    if (numbers !== undefined) return eraseArriving(tx, events, numbers);
    return (event: CallEvent): Arrived => ({ event, isTheirs: false });
  }

  const setAside = createSetAside(db, async (event) => (await store([event]))[0] !== HELD);

  // A commit waits for the disk: events that arrive meanwhile share the next one.
  const batcher = createBatcher<CallEvent, Recorded>(store, {
    async instead(event, error) {
      await setAside.keep({ id: event.id, form: 'event', body: event, error });
      return { eventId: event.id, outcome: 'set_aside', reason: reasonOf(error) };
    },
  });

  return {
    write,
    setAside,
    record: (events) => Promise.all(events.map((event) => batcher.run(event))),
    close: () => batcher.close(),
  };
}

async function recordArrived(
  unit: UnitOfWork,
  changes: CallChanges,
  { event, isTheirs }: Arrived,
): Promise<Recorded> {
  const recorded = await recordEvent(unit, event);
  const { callId, outcome } = recorded;
  if (callId === undefined) return recorded;
  if (isTheirs) unit.erased.add(callId);
  if (outcome === 'applied' || outcome === 'no_effect') {
    changes.happened(callId, unit.events.stored(event.id) ?? event);
  }
  return recorded;
}
