import type { Kysely } from 'kysely';
import { ulid } from 'ulid';
import type { Key } from './correlate.ts';
import { callsByKey, foundersOf, lookupKeys } from './correlate.ts';
import type { CallEvent } from './events.ts';
import { partition } from './partition.ts';
import type { LedgerSchema } from './schema.ts';

type Db = Kysely<LedgerSchema>;

/** An event and the call that it is in; `sealed`: of a record that is final. */
interface Item {
  readonly event: CallEvent;
  readonly callId: string | undefined;
  readonly sealed: boolean;
  /** Order of arrival. */
  readonly position: number;
}

/** Which calls are to be otherwise than they are. */
export interface Regrouping {
  /** Open calls that gain or lose events. */
  readonly calls: readonly {
    readonly id: string;
    readonly events: readonly CallEvent[];
    /** Those that it did not have, in order of arrival. */
    readonly gained: readonly CallEvent[];
  }[];
  /** What is about sealed calls and was not known when they were sealed. */
  readonly late: readonly { readonly callId: string; readonly event: CallEvent }[];
  /** Calls that turned out to be others. */
  readonly emptied: readonly string[];
  /** An event has left a call: what that call is known by changes. */
  readonly moved: boolean;
  /** Of all rooms that were looked at. */
  readonly roomNames: readonly string[];
}

/** What is connected by ids with these keys: open calls, sealed ones beside them, and orphans. */
interface Component {
  readonly open: ReadonlySet<string>;
  readonly sealed: ReadonlySet<string>;
  /** Events whose call is not known yet. */
  readonly orphans: ReadonlyMap<string, Item>;
  readonly keys: readonly Key[];
}

/** Follows ids from call to event to call; not through sealed calls, which nothing joins. */
export async function explore(db: Db, start: readonly Key[]): Promise<Component> {
  const open = new Set<string>();
  const sealed = new Set<string>();
  const orphans = new Map<string, Item>();
  const seen = new Map<string, Key>();
  let frontier = unseen(start, seen);
  while (frontier.length > 0) {
    const next: Key[] = [];
    const calls = new Set((await callsByKey(db, frontier)).map(({ callId }) => callId));
    const fresh = [...calls].filter((id) => !open.has(id) && !sealed.has(id));
    for (const { id, sealedAt } of await statesOf(db, fresh)) {
      (sealedAt === null ? open : sealed).add(id);
    }
    const opened = fresh.filter((id) => open.has(id));
    if (opened.length > 0) {
      next.push(
        ...(await db
          .selectFrom('callKeys')
          .select(['kind', 'key'])
          .where('callId', 'in', opened)
          .execute()),
      );
    }
    for (const orphan of await orphansOf(db, frontier)) {
      if (orphans.has(orphan.event.id)) continue;
      orphans.set(orphan.event.id, orphan);
      next.push(...lookupKeys(orphan.event));
    }
    frontier = unseen(next, seen);
  }
  return { open, sealed, orphans, keys: [...seen.values()] };
}

/**
 * Divides all that is connected with the event into calls anew, and says what is not where it
 * belongs. A sealed record keeps its events, and what would be new to it is late.
 */
export async function regroup(db: Db, event: CallEvent): Promise<Regrouping> {
  const { open, sealed, orphans } = await explore(db, lookupKeys(event));
  const items: Item[] = [
    ...(await foundersOf(db, [...sealed])).map((item) => ({ ...item, sealed: true, position: 0 })),
    ...(await itemsOf(db, [...open])),
    ...orphans.values(),
  ];
  const { calls, rest } = partition(items);

  const members = new Map<string, Item[]>([...open].map((id) => [id, []]));
  const late: Regrouping['late'][number][] = [];
  const taken = new Set<string>();
  for (const { begunAt, founders, others } of calls) {
    const final = founders.find((item) => item.sealed)?.callId;
    const known = founders.flatMap(({ callId }) => callId ?? []).sort();
    const id = final ?? known.find((one) => !taken.has(one)) ?? `call_${ulid(begunAt)}`;
    taken.add(id);
    if (!members.has(id)) members.set(id, []);
    for (const item of [...founders, ...others]) {
      if (item.sealed) continue;
      if (final === undefined) members.get(id)?.push(item);
      else if (item.callId === undefined) late.push({ callId: final, event: item.event });
      else members.get(item.callId)?.push(item);
    }
  }
  // What only a room's name ties to a call goes with it while there is a reason for the call.
  for (const item of rest) {
    if (taken.has(item.callId ?? '')) members.get(item.callId ?? '')?.push(item);
  }

  const changed = [...members].flatMap(([id, group]) => {
    const gained = group.filter(({ callId }) => callId !== id).sort(byArrival);
    const had = items.filter((item) => item.callId === id && !item.sealed).length;
    const lost = had > group.length - gained.length;
    return gained.length > 0 || lost ? [{ id, group, gained, lost }] : [];
  });
  return {
    calls: changed
      .filter(({ group }) => group.length > 0)
      .map(({ id, group, gained }) => ({
        id,
        events: group.map(({ event }) => event),
        gained: gained.map(({ event }) => event),
      })),
    late,
    emptied: changed.filter(({ group }) => group.length === 0).map(({ id }) => id),
    moved: changed.some(({ lost }) => lost),
    roomNames: [...new Set(items.flatMap(({ event }) => event.correlation.roomName ?? []))],
  };
}

function byArrival(a: Item, b: Item): number {
  return a.position - b.position;
}

function unseen(keys: readonly Key[], seen: Map<string, Key>): Key[] {
  const fresh: Key[] = [];
  for (const key of keys) {
    // Rooms of one name are not one room.
    if (key.kind === 'roomName' || seen.has(`${key.kind} ${key.key}`)) continue;
    seen.set(`${key.kind} ${key.key}`, key);
    fresh.push(key);
  }
  return fresh;
}

async function statesOf(db: Db, ids: readonly string[]) {
  if (ids.length === 0) return [];
  return db.selectFrom('calls').select(['id', 'sealedAt']).where('id', 'in', ids).execute();
}

async function itemsOf(db: Db, callIds: readonly string[]): Promise<Item[]> {
  if (callIds.length === 0) return [];
  const rows = await db
    .selectFrom('events')
    .select(['callId', 'position', 'body'])
    .where('callId', 'in', callIds)
    .where('late', '=', 0)
    .execute();
  return rows.map(({ callId, position, body }) => ({
    event: JSON.parse(body) as CallEvent,
    callId: callId ?? undefined,
    sealed: false,
    position: Number(position),
  }));
}

const COLUMN = {
  sip: 'sipCallId',
  participant: 'participantSid',
  room: 'roomSid',
  job: 'jobId',
} as const;

async function orphansOf(db: Db, keys: readonly Key[]): Promise<Item[]> {
  const named = keys.flatMap(({ kind, key }) =>
    kind === 'roomName' ? [] : [{ column: COLUMN[kind], key }],
  );
  if (named.length === 0) return [];
  const rows = await db
    .selectFrom('events')
    .select(['position', 'body'])
    .where('callId', 'is', null)
    .where((eb) => eb.or(named.map(({ column, key }) => eb(column, '=', key))))
    .execute();
  return rows.map(({ position, body }) => ({
    event: JSON.parse(body) as CallEvent,
    callId: undefined,
    sealed: false,
    position: Number(position),
  }));
}
