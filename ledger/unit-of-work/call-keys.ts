import type { Kysely } from 'kysely';
import { nameOf } from '../../calls/belonging/event-keys.ts';
import { rowLists, sameLength, valueLists } from '../sql/lists.ts';
import type { CallKey, LedgerSchema } from '../sql/schema.ts';
import type { Key } from '../../calls/belonging/key.ts';
import { Groups } from './groups.ts';

/** What calls are found by, as it is stored or will be. */
export class CallKeys {
  readonly #db: Kysely<LedgerSchema>;
  /** In the database, by key and by call: only of those that were asked for. */
  readonly #stored = new Map<string, readonly CallKey[]>();
  readonly #storedOfCall = new Map<string, readonly CallKey[]>();
  /** Calls whose keys in the database no longer count. */
  readonly #cleared = new Set<string>();
  readonly #added = new Groups<CallKey>();
  readonly #addedToCall = new Groups<CallKey>();
  readonly #toInsert = new Set<CallKey>();

  constructor(db: Kysely<LedgerSchema>) {
    this.#db = db;
  }

  /** Which calls are known by these, in order of the calls. */
  async find(keys: readonly Key[]): Promise<readonly CallKey[]> {
    const names = await this.#ask(keys);
    const stored = names.flatMap((name) => this.#stored.get(name) ?? []);
    return this.#current(stored, this.#added.ofAll(names)).sort((a, b) =>
      a.callId < b.callId ? -1 : 1,
    );
  }

  /** What the calls are known by. */
  async of(callIds: readonly string[]): Promise<readonly CallKey[]> {
    const unasked = callIds.filter((id) => !this.#storedOfCall.has(id));
    for (const some of valueLists(unasked)) {
      const rows = await this.#db
        .selectFrom('callKeys')
        .selectAll()
        .where('callId', 'in', some)
        .execute();
      const found = Map.groupBy(rows, ({ callId }) => callId);
      for (const id of some) this.#storedOfCall.set(id, found.get(id) ?? []);
    }
    const stored = callIds.flatMap((id) => this.#storedOfCall.get(id) ?? []);
    return this.#current(stored, this.#addedToCall.ofAll(callIds));
  }

  add(callId: string, keys: readonly Key[]): void {
    for (const { kind, key } of keys) {
      const added = { kind, key, callId };
      this.#added.add(nameOf(added), added);
      this.#addedToCall.add(callId, added);
      this.#toInsert.add(added);
    }
  }

  /** The call is known by nothing any more. */
  clear(callId: string): void {
    this.#cleared.add(callId);
    for (const added of this.#addedToCall.of(callId)) {
      this.#added.remove(nameOf(added), added);
      this.#addedToCall.remove(callId, added);
      this.#toInsert.delete(added);
    }
  }

  /** The call is not in the database. */
  isNew(callId: string): void {
    this.#storedOfCall.set(callId, []);
  }

  async flush(): Promise<void> {
    for (const some of valueLists([...this.#cleared])) {
      await this.#db.deleteFrom('callKeys').where('callId', 'in', some).execute();
    }
    for (const some of rowLists([...this.#toInsert])) {
      await this.#db
        .insertInto('callKeys')
        .values(some)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }

  /** Reads what was not asked for yet. The keys' names, each once. */
  async #ask(keys: readonly Key[]): Promise<readonly string[]> {
    const named = new Map(keys.map((key) => [nameOf(key), key]));
    const unasked = [...named.values()].filter((key) => !this.#stored.has(nameOf(key)));
    for (const some of valueLists(unasked)) {
      const rows = await this.#db
        .selectFrom('callKeys')
        .selectAll()
        .where((eb) =>
          eb.or(
            sameLength(Map.groupBy(some, ({ kind }) => kind)).map(([kind, ofKind]) => {
              const wanted = ofKind.map(({ key }) => key);
              return eb.and([eb('kind', '=', kind), eb('key', 'in', wanted)]);
            }),
          ),
        )
        .execute();
      const found = Map.groupBy(rows, nameOf);
      for (const key of some) this.#stored.set(nameOf(key), found.get(nameOf(key)) ?? []);
    }
    return [...named.keys()];
  }

  #current(stored: readonly CallKey[], added: readonly CallKey[]): CallKey[] {
    const all = [...stored.filter(({ callId }) => !this.#cleared.has(callId)), ...added];
    return [...new Map(all.map((one) => [`${one.callId} ${nameOf(one)}`, one])).values()];
  }
}
