import type { Kysely } from 'kysely';
import { keysOf, nameOf } from '../../calls/belonging/event-keys.ts';
import type { CallEvent } from '../../calls/events.ts';
import { rowLists, sameLength, valueLists } from '../sql/lists.ts';
import { FOUNDING_TYPES } from '../../calls/belonging/partition.ts';
import { ERASED } from '../../calls/erased.ts';
import type { EventRow, LedgerSchema, NewEventRow } from '../sql/schema.ts';
import type { Key } from '../../calls/belonging/key.ts';
import { ConflictError } from '../store-errors.ts';
import { Groups } from './groups.ts';

type Db = Kysely<LedgerSchema>;

/** An event as it is stored, or will be. */
export interface Entry {
  readonly event: CallEvent;
  readonly callId: string | undefined;
  /** Came when its call was sealed. */
  readonly late: boolean;
  /** Order of arrival. */
  readonly position: number;
}

interface Row extends Entry {
  event: CallEvent;
  callId: string | undefined;
  sequence: number | undefined;
  late: boolean;
  /** Undefined: it is in the database. */
  readonly receivedAt: string | undefined;
  isMoved: boolean;
  isRewritten: boolean;
}

const COLUMN = {
  sip: 'sipCallId',
  participant: 'participantSid',
  room: 'roomSid',
  job: 'jobId',
} as const;

/** Events as they are stored, or will be. */
export class Events {
  readonly #db: Db;
  readonly #rows = new Map<string, Row>();
  readonly #ofCall = new Groups<Row>();
  readonly #ofKey = new Groups<Row>();
  readonly #ofName = new Groups<Row>();
  /** What has been read. */
  readonly #ids = new Map<string, boolean>();
  readonly #calls = new Set<string>();
  readonly #founders = new Set<string>();
  readonly #orphans = new Set<string>();
  readonly #names = new Set<string>();
  /** After all positions that the database gave. */
  #nextPosition = 2 ** 52;

  constructor(db: Db) {
    this.#db = db;
  }

  /** Which of them are stored. */
  async known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    for (const some of valueLists(ids.filter((id) => !this.#ids.has(id)))) {
      const rows = await this.#db
        .selectFrom('events')
        .select('id')
        .where('id', 'in', some)
        .execute();
      for (const id of some) this.#ids.set(id, false);
      for (const { id } of rows) this.#ids.set(id, true);
    }
    return new Set(ids.filter((id) => this.#ids.get(id) === true || this.#rows.has(id)));
  }

  /** What the calls' records are made of. */
  async ofCalls(callIds: readonly string[]): Promise<readonly Entry[]> {
    for (const some of valueLists(unread(callIds, this.#calls))) {
      await this.#read((query) => query.where('callId', 'in', some).where('late', '=', 0));
      for (const id of some) this.#calls.add(id);
    }
    return this.#ofCall.ofAll(callIds).filter(({ late }) => !late);
  }

  /** Those that made these calls, which are few, in order of arrival. */
  async foundersOf(callIds: readonly string[]): Promise<readonly Entry[]> {
    const unreadIds = unread(callIds, this.#calls).filter((id) => !this.#founders.has(id));
    for (const some of valueLists(unreadIds)) {
      await this.#read((query) =>
        query.where('callId', 'in', some).where('type', 'in', FOUNDING_TYPES).where('late', '=', 0),
      );
      for (const id of some) this.#founders.add(id);
    }
    return this.#ofCall
      .ofAll(callIds)
      .filter(({ late, event }) => !late && FOUNDING.has(event.type))
      .sort(byArrival);
  }

  /** Those that name one of these and are no call's yet. */
  async orphans(keys: readonly Key[]): Promise<readonly Entry[]> {
    const ids = new Map<string, { column: (typeof COLUMN)[keyof typeof COLUMN]; key: string }>();
    for (const { kind, key } of keys) {
      if (kind === 'roomName' || kind === 'call') continue;
      ids.set(nameOf({ kind, key }), { column: COLUMN[kind], key });
    }
    const names = [...ids.keys()];
    for (const some of valueLists(unread(names, this.#orphans))) {
      const asked = some.flatMap((name) => ids.get(name) ?? []);
      await this.#read((query) =>
        query.where('callId', 'is', null).where((eb) =>
          eb.or(
            sameLength(Map.groupBy(asked, ({ column }) => column)).map(([column, ofColumn]) =>
              eb(
                column,
                'in',
                ofColumn.map(({ key }) => key),
              ),
            ),
          ),
        ),
      );
      for (const name of some) this.#orphans.add(name);
    }
    return [...new Set(this.#ofKey.ofAll(names))].filter(({ callId }) => callId === undefined);
  }

  /** Those that name nothing but a room, by one of these names; in order of arrival. */
  async nameOnly(roomNames: readonly string[]): Promise<readonly Entry[]> {
    for (const some of valueLists(unread(roomNames, this.#names))) {
      await this.#read((query) =>
        query
          .where('roomName', 'in', some)
          .where('roomSid', 'is', null)
          .where('sipCallId', 'is', null)
          .where('participantSid', 'is', null)
          .where('jobId', 'is', null)
          .where('late', '=', 0),
      );
      for (const name of some) this.#names.add(name);
    }
    return this.#ofName
      .ofAll(roomNames)
      .filter(({ late }) => !late)
      .sort(byArrival);
  }

  /** One that is not stored yet; no call's at first. */
  add(event: CallEvent, receivedAt: string): Entry {
    const row = {
      event,
      receivedAt,
      callId: undefined,
      sequence: undefined,
      late: false,
      position: this.#nextPosition++,
      isMoved: false,
      isRewritten: false,
    };
    this.#keep(row);
    return row;
  }

  /** It is that call's from now on, or nobody's. */
  move(entry: Entry, callId: string | undefined, sequence: number | undefined, late = false): void {
    const row = this.#rowOf(entry);
    this.#ofCall.remove(row.callId, row);
    this.#ofCall.add(callId, row);
    row.callId = callId;
    row.sequence = sequence;
    row.late = late;
    row.isMoved = true;
  }

  /** As it is, or will be, in the database. */
  stored(id: string): CallEvent | undefined {
    return this.#rows.get(id)?.event;
  }

  /** What is left when a person was taken out of it. */
  rewrite(entry: Entry, event: CallEvent): void {
    const row = this.#rowOf(entry);
    this.#ofName.remove(row.event.correlation.roomName, row);
    row.event = event;
    row.isRewritten = true;
  }

  /** The call is not in the database. */
  isNew(callId: string): void {
    this.#calls.add(callId);
  }

  /** Rejects with `ConflictError` when somebody else has stored one of the new ones meanwhile. */
  async flush(): Promise<void> {
    const rows = [...this.#rows.values()];
    const added = rows.filter(({ receivedAt }) => receivedAt !== undefined).sort(byArrival);
    for (const some of rowLists(added)) {
      const { numInsertedOrUpdatedRows } = await this.#db
        .insertInto('events')
        .values(some.map(toInsert))
        .onConflict((conflict) => conflict.column('id').doNothing())
        .executeTakeFirstOrThrow();
      if (Number(numInsertedOrUpdatedRows) !== some.length) throw new ConflictError();
    }
    for (const row of rows) {
      if (row.receivedAt !== undefined || !(row.isMoved || row.isRewritten)) continue;
      const { id, callId, sequence, late, body, roomName } = toInsert(row);
      await this.#db
        .updateTable('events')
        .set({ callId, sequence, late, ...(row.isRewritten && { body, roomName }) })
        .where('id', '=', id)
        .execute();
    }
  }

  async #read(where: (query: SelectEvents) => SelectEvents): Promise<void> {
    for (const stored of await where(selectEvents(this.#db)).execute()) {
      const row = rowOf(stored);
      // What was read before may have been changed since.
      if (!this.#rows.has(row.event.id)) this.#keep(row);
    }
  }

  #keep(row: Row): void {
    this.#rows.set(row.event.id, row);
    this.#ofCall.add(row.callId, row);
    const { ids, isNameOnly } = keysOf(row.event);
    for (const key of ids) this.#ofKey.add(nameOf(key), row);
    if (isNameOnly) this.#ofName.add(row.event.correlation.roomName, row);
  }

  #rowOf({ event }: Entry): Row {
    const row = this.#rows.get(event.id);
    if (row === undefined) throw new Error('an event that nobody asked for');
    return row;
  }
}

const FOUNDING: ReadonlySet<string> = new Set(FOUNDING_TYPES);

type SelectEvents = ReturnType<typeof selectEvents>;
const selectEvents = (db: Db) =>
  db.selectFrom('events').select(['callId', 'sequence', 'late', 'position', 'body']);

function rowOf({
  body,
  callId,
  sequence,
  late,
  position,
}: Pick<EventRow, 'callId' | 'sequence' | 'late' | 'position' | 'body'>): Row {
  return {
    event: eventOf({ body }),
    callId: callId ?? undefined,
    sequence: sequence ?? undefined,
    late: late === 1,
    position: Number(position),
    receivedAt: undefined,
    isMoved: false,
    isRewritten: false,
  };
}

function toInsert({ event, callId, sequence, late, receivedAt }: Row): NewEventRow {
  const { sipCallId, participantSid, roomSid, jobId } = event.correlation;
  return {
    id: event.id,
    callId: callId ?? null,
    sequence: sequence ?? null,
    type: event.type,
    at: event.at,
    receivedAt: receivedAt ?? '',
    late: late ? 1 : 0,
    sipCallId: sipCallId ?? null,
    participantSid: participantSid ?? null,
    roomSid: roomSid ?? null,
    roomName: roomNameOf(event),
    jobId: jobId ?? null,
    body: JSON.stringify(event),
  };
}

function unread(names: readonly string[], known: ReadonlySet<string>): string[] {
  return [...new Set(names)].filter((name) => !known.has(name));
}

export function byArrival(a: Entry, b: Entry): number {
  return a.position - b.position;
}

/** What the event is found by; not when it was erased. */
export function roomNameOf({ correlation: { roomName } }: CallEvent): string | null {
  return roomName === undefined || roomName === ERASED ? null : roomName;
}

export const eventOf = ({ body }: Pick<EventRow, 'body'>): CallEvent =>
  JSON.parse(body) as CallEvent;
