import { keysOf, nameOf } from '../calls/belonging/event-keys.ts';
import { partition } from '../calls/belonging/partition.ts';
import type { Key } from '../calls/belonging/key.ts';
import type { Entry } from './unit-of-work/events.ts';
import { byArrival } from './unit-of-work/events.ts';
import type { UnitOfWork } from './unit-of-work/unit-of-work.ts';

/** Which calls are to be otherwise than they are. */
export interface Regrouping {
  /** Open calls that gain or lose events. */
  readonly calls: readonly {
    readonly id: string;
    readonly entries: readonly Entry[];
    /** Those that it did not have, in order of arrival. */
    readonly gained: readonly Entry[];
  }[];
  /** What is about sealed calls and was not known when they were sealed. */
  readonly late: readonly { readonly callId: string; readonly entry: Entry }[];
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
  readonly orphans: ReadonlySet<Entry>;
}

/** Follows ids from call to event to call; not through sealed calls, which nothing joins. */
export async function explore(unit: UnitOfWork, start: readonly Key[]): Promise<Component> {
  const open = new Set<string>();
  const sealed = new Set<string>();
  const orphans = new Set<Entry>();
  const seen = new Set<string>();
  let frontier = unseen(start, seen);
  while (frontier.length > 0) {
    const found = new Set((await unit.keys.find(frontier)).map(({ callId }) => callId));
    const fresh = [...found].filter((id) => !open.has(id) && !sealed.has(id));
    const calls = await unit.calls.find(fresh);
    for (const [id, { sealedAt }] of calls) (sealedAt === null ? open : sealed).add(id);
    const next: Key[] = [...(await unit.keys.of(fresh.filter((id) => open.has(id))))];
    for (const orphan of await unit.events.orphans(frontier)) {
      if (orphans.has(orphan)) continue;
      orphans.add(orphan);
      next.push(...keysOf(orphan.event).ids);
    }
    frontier = unseen(next, seen);
  }
  return { open, sealed, orphans };
}

/**
 * Divides all that these ids connect into calls anew, and says what is not where it
 * belongs. A sealed record keeps its events, and what would be new to it is late.
 */
export async function regroup(unit: UnitOfWork, ids: readonly Key[]): Promise<Regrouping> {
  const { open, sealed, orphans } = await explore(unit, ids);
  const items = [
    ...(await unit.events.foundersOf([...sealed])),
    ...(await unit.events.ofCalls([...open])),
    ...orphans,
  ];
  const isSealed = ({ callId }: Entry) => callId !== undefined && sealed.has(callId);
  const { calls, rest } = partition(items);

  const groups = new Map<string, Entry[]>([...open].map((id) => [id, []]));
  const late: Regrouping['late'][number][] = [];
  const taken = new Set<string>();
  for (const { begunAt, founders, others } of calls) {
    const final = founders.find(isSealed)?.callId;
    // An agent that waited alone was a call already; whoever comes to it joins that.
    const waited = others.filter((entry) => entry.event.type === 'call.found' && !isSealed(entry));
    const known = [founders, waited].flatMap((some) => some.flatMap((o) => o.callId ?? []).sort());
    const id = final ?? known.find((one) => !taken.has(one)) ?? unit.createCall(begunAt);
    taken.add(id);
    if (!groups.has(id)) groups.set(id, []);
    for (const entry of [...founders, ...others]) {
      if (isSealed(entry)) continue;
      if (final === undefined) groups.get(id)?.push(entry);
      else if (entry.callId === undefined) late.push({ callId: final, entry });
      else groups.get(entry.callId)?.push(entry);
    }
  }
  // What only a room's name ties to a call goes with it while there is a reason for the call.
  for (const entry of rest) {
    if (taken.has(entry.callId ?? '')) groups.get(entry.callId ?? '')?.push(entry);
  }

  const changed = [...groups].flatMap(([id, group]) => {
    const gained = group.filter(({ callId }) => callId !== id).sort(byArrival);
    const had = items.filter((item) => item.callId === id && !isSealed(item)).length;
    const lost = had > group.length - gained.length;
    return gained.length > 0 || lost ? [{ id, group, gained, lost }] : [];
  });
  return {
    calls: changed
      .filter(({ group }) => group.length > 0)
      .map(({ id, group, gained }) => ({ id, entries: group, gained })),
    late,
    emptied: changed.filter(({ group }) => group.length === 0).map(({ id }) => id),
    moved: changed.some(({ lost }) => lost),
    roomNames: [...new Set(items.flatMap(({ event }) => event.correlation.roomName ?? []))],
  };
}

function unseen(keys: readonly Key[], seen: Set<string>): Key[] {
  const fresh: Key[] = [];
  for (const key of keys) {
    // Rooms of one name are not one room, and no event names a call.
    if (key.kind === 'roomName' || key.kind === 'call' || seen.has(nameOf(key))) continue;
    seen.add(nameOf(key));
    fresh.push(key);
  }
  return fresh;
}
