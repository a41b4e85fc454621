import type { Kysely } from 'kysely';
import type { Call } from '../../calls/call.ts';
import type { CallChanges } from '../call-changes.ts';
import type { LedgerSchema } from '../sql/schema.ts';
import { CallKeys } from './call-keys.ts';
import { CallRows } from './call-rows.ts';
import type { KnownCall } from './call-rows.ts';
import { Events } from './events.ts';
import type { Entry } from './events.ts';

/**
 * What a transaction knows of the ledger and changes in it (Fowler, Patterns of Enterprise
 * Application Architecture: Unit of Work). Every row is read once, what was changed is seen at
 * once, and `flush` writes it all: statements are counted by batch, not by event.
 */
export class UnitOfWork {
  readonly db: Kysely<LedgerSchema>;
  readonly keys: CallKeys;
  readonly calls: CallRows;
  readonly events: Events;
  /** Calls that have turned out to be of somebody who was erased. */
  readonly erased = new Set<string>();
  readonly #changes: CallChanges | undefined;

  /** @param changes is told of every record that is another one now */
  constructor(db: Kysely<LedgerSchema>, changes?: CallChanges) {
    this.db = db;
    this.keys = new CallKeys(db);
    this.calls = new CallRows(db);
    this.events = new Events(db);
    this.#changes = changes;
  }

  async call(id: string): Promise<KnownCall | undefined> {
    return (await this.calls.find([id])).get(id);
  }

  /** The id of a call that is to be. */
  createCall(begunAt: number): string {
    const id = this.calls.create(begunAt);
    this.keys.isNew(id);
    this.events.isNew(id);
    return id;
  }

  save(call: Call, touchedAt: string): void {
    this.calls.save(call, touchedAt);
    this.#changes?.saved(call);
  }

  /** The call was none: its events, which have been read, are nobody's or its heir's. */
  async removeCall(id: string, heir: string | undefined): Promise<void> {
    for (const entry of await this.events.ofCalls([id])) this.unassign(entry);
    this.calls.remove(id);
    this.#changes?.emptied(id, heir);
  }

  /** The event is the call's, after all those that it has. */
  assign(entry: Entry, callId: string, late = false): void {
    this.events.move(entry, callId, this.calls.nextSequence(callId), late);
    if (late) this.#changes?.late(callId, entry.event);
  }

  unassign(entry: Entry): void {
    this.events.move(entry, undefined, undefined);
  }

  async flush(): Promise<void> {
    await this.events.flush();
    await this.keys.flush();
    await this.calls.flush();
  }
}
