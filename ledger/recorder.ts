import type { Kysely } from 'kysely';
import type { Announcer } from './announcer.ts';
import { HELD, createBatcher } from './batcher.ts';
import { eraseCall } from './privacy/erase-person.ts';
import type { Arrived, NumberRules } from './privacy/erased-numbers.ts';
import { eraseArriving } from './privacy/erased-numbers.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Recorded, RecordedListener } from './ledger.ts';
import type { CallChanges } from './call-changes.ts';
import { createCallChanges } from './call-changes.ts';
import { readFor, recordEvent } from './record-event.ts';
import type { WriteLocks } from './sql/row-locks.ts';
import { TooFewLocks } from './sql/row-locks.ts';
import type { LedgerSchema } from './sql/schema.ts';
import type { Key } from '../calls/belonging/key.ts';
import type { SetAside } from './set-aside.ts';
import { createSetAside } from './set-aside.ts';
import { ConflictError, isConflict, reasonOf } from './store-errors.ts';
import { UnitOfWork } from './unit-of-work/unit-of-work.ts';

type Db = Kysely<LedgerSchema>;

/** A transaction that others got in the way of is begun anew so often. */
const MAX_ATTEMPTS = 20;

export interface RecorderOptions {
  readonly locks: WriteLocks;
  readonly announcer: Announcer;
  /** What is erased as it comes. */
  readonly numbers: NumberRules | undefined;
}

export interface Recorder {
  /** See `Ledger.record`. */
  record(events: readonly CallEvent[]): Promise<readonly Recorded[]>;
  /** See `Ledger.onRecorded`. */
  onRecorded(listener: RecordedListener): () => void;
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
  const { locks, announcer, numbers } = options;
  const listeners = new Set<RecordedListener>();

  async function write<T>(
    work: (unit: UnitOfWork, changes: CallChanges) => Promise<T>,
  ): Promise<T> {
    let announced: (() => void) | undefined;
    const result = await db.transaction().execute(async (tx) => {
      const changes = createCallChanges();
      const unit = new UnitOfWork(tx, changes);
      const done = await work(unit, changes);
      await unit.flush();
      announced = await announcer.announce(tx, changes);
      for (const id of unit.erased) await eraseCall(tx, announcer, id, new Date().toISOString());
      return done;
    });
    announced?.();
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
    async record(events) {
      const recorded = await Promise.all(events.map((event) => batcher.run(event)));
      for (const listener of listeners) listener(events, recorded);
      return recorded;
    },
    onRecorded(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
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
