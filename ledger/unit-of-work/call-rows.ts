import { columnsOf } from '../sql/searchable.ts';
import type { Kysely } from 'kysely';
import { ulid } from 'ulid';
import type { Call } from '../../calls/call.ts';
import { rowLists, valueLists } from '../sql/lists.ts';
import { ERASED } from '../../calls/erased.ts';
import type { CallRow, LedgerSchema, NewCallRow } from '../sql/schema.ts';

/** A call as it is stored, or will be. */
export interface KnownCall {
  readonly call: Call;
  readonly sealedAt: string | null;
  readonly erasedAt: string | null;
  /** When its last event was stored. */
  readonly touchedAt: string;
}

/** Calls as they are stored, or will be. */
export class CallRows {
  readonly #db: Kysely<LedgerSchema>;
  readonly #known = new Map<string, Row | undefined>();
  readonly #removed = new Set<string>();

  constructor(db: Kysely<LedgerSchema>) {
    this.#db = db;
  }

  /** Those that there are. */
  async find(ids: readonly string[]): Promise<ReadonlyMap<string, KnownCall>> {
    for (const some of valueLists(ids.filter((id) => !this.#known.has(id)))) {
      const rows = await this.#db.selectFrom('calls').selectAll().where('id', 'in', some).execute();
      for (const id of some) this.#known.set(id, undefined);
      for (const row of rows) this.#known.set(row.id, new Row(row));
    }
    const found = new Map<string, KnownCall>();
    for (const id of ids) {
      const row = this.#known.get(id);
      if (row?.exists === true) found.set(id, row);
    }
    return found;
  }

  /** The id of a call that is to be. */
  create(begunAt: number): string {
    const id = `call_${ulid(begunAt)}`;
    this.#known.set(id, new Row());
    return id;
  }

  /** For one more event of the call. */
  nextSequence(id: string): number {
    return ++this.#get(id).lastSequence;
  }

  /** The record is this from now on. */
  save(call: Call, touchedAt: string): void {
    const row = this.#get(call.id);
    row.call = call;
    row.touchedAt = touchedAt;
    row.isSaved = true;
  }

  /** Something happened that is not in the record. */
  touch(id: string, touchedAt: string): void {
    const row = this.#get(id);
    row.touchedAt = touchedAt;
    row.isTouched = true;
  }

  remove(id: string): void {
    this.#known.set(id, undefined);
    this.#removed.add(id);
  }

  async flush(): Promise<void> {
    for (const some of valueLists([...this.#removed])) {
      await this.#db.deleteFrom('calls').where('id', 'in', some).execute();
    }
    const rows = [...this.#known].flatMap(([id, row]) => (row === undefined ? [] : { id, row }));
    for (const some of rowLists(rows.filter(({ row }) => row.isSaved))) {
      await this.#db
        .insertInto('calls')
        .values(some.map(({ row }) => row.toInsert()))
        .onConflict((conflict) =>
          conflict.column('id').doUpdateSet((eb) => ({
            state: eb.ref('excluded.state'),
            direction: eb.ref('excluded.direction'),
            line: eb.ref('excluded.line'),
            fromNumber: eb.ref('excluded.fromNumber'),
            toNumber: eb.ref('excluded.toNumber'),
            startedAt: eb.ref('excluded.startedAt'),
            endedAt: eb.ref('excluded.endedAt'),
            sealedAt: eb.ref('excluded.sealedAt'),
            touchedAt: eb.ref('excluded.touchedAt'),
            lastSequence: eb.ref('excluded.lastSequence'),
            record: eb.ref('excluded.record'),
            endReason: eb.ref('excluded.endReason'),
            ingress: eb.ref('excluded.ingress'),
            said: eb.ref('excluded.said'),
          })),
        )
        .execute();
    }
    for (const { id, row } of rows) {
      if (!row.isTouched || row.isSaved) continue;
      const { lastSequence, touchedAt } = row;
      await this.#db
        .updateTable('calls')
        .set({ lastSequence, touchedAt })
        .where('id', '=', id)
        .execute();
    }
  }

  #get(id: string): Row {
    const row = this.#known.get(id);
    if (row === undefined) throw new Error('a call that nobody asked for');
    return row;
  }
}

class Row implements KnownCall {
  lastSequence: number;
  touchedAt: string;
  isSaved = false;
  isTouched = false;
  readonly erasedAt: string | null;
  readonly #stored: CallRow | undefined;
  #call: Call | undefined;

  /** @param stored absent: the call is to be, and has no record yet */
  constructor(stored?: CallRow) {
    this.#stored = stored;
    this.lastSequence = stored?.lastSequence ?? 0;
    this.touchedAt = stored?.touchedAt ?? '';
    this.erasedAt = stored?.erasedAt ?? null;
  }

  get exists(): boolean {
    return this.#stored !== undefined || this.isSaved;
  }

  get call(): Call {
    this.#call ??= callOf(this.#stored as CallRow);
    return this.#call;
  }

  set call(call: Call) {
    this.#call = call;
  }

  get sealedAt(): string | null {
    return this.isSaved ? (this.call.sealedAt ?? null) : (this.#stored?.sealedAt ?? null);
  }

  toInsert(): NewCallRow {
    const { call, lastSequence, touchedAt } = this;
    return {
      id: call.id,
      state: call.state,
      direction: call.direction,
      line: call.line ?? null,
      fromNumber: unlessErased(call.from),
      toNumber: unlessErased(call.to),
      startedAt: call.startedAt,
      endedAt: call.endedAt ?? null,
      sealedAt: call.sealedAt ?? null,
      touchedAt,
      lastSequence,
      ...columnsOf(call),
    };
  }
}

function unlessErased(number: string | undefined): string | null {
  return number === undefined || number === ERASED ? null : number;
}

export const callOf = ({ record }: Pick<CallRow, 'record'>): Call => JSON.parse(record) as Call;
