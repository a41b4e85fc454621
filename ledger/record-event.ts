import type { Call } from '../calls/call.ts';
import { callByName, findPlace, roomNamesOf } from './correlate.ts';
import { keysOf } from '../calls/belonging/event-keys.ts';
import type { CallEvent } from '../calls/events.ts';
import { orderOf } from '../calls/events.ts';
import { fold } from '../calls/fold.ts';
import type { Recorded } from './ledger.ts';
import { withoutPerson, withoutSpeech } from './privacy/redact.ts';
import type { Regrouping } from './regroup.ts';
import { explore, regroup } from './regroup.ts';
import { transition } from '../calls/transition.ts';
import type { Entry } from './unit-of-work/events.ts';
import type { UnitOfWork } from './unit-of-work/unit-of-work.ts';

/** Reads together what recording these events will ask for one by one. */
export async function readFor(unit: UnitOfWork, events: readonly CallEvent[]): Promise<void> {
  await unit.events.known(events.map(({ id }) => id));
  const keys = events.map(keysOf);
  await explore(
    unit,
    keys.flatMap(({ ids }) => ids),
  );
  await unit.keys.find(keys.flatMap(({ names }) => names));
  await unit.events.nameOnly(events.flatMap(({ correlation: { roomName } }) => roomName ?? []));
  const foldedAnew = new Set<string>();
  for (const [index, event] of events.entries()) {
    const known = await unit.keys.find(keys[index]?.ids ?? []);
    for (const [id, { call, sealedAt }] of await unit.calls.find(known.map((one) => one.callId))) {
      if (sealedAt === null && orderOf(event) <= call.foldedTo) foldedAnew.add(id);
    }
  }
  await unit.events.ofCalls([...foldedAnew]);
}

/** Stores the event (once, by its id), finds its call, and folds it in. */
export async function recordEvent(unit: UnitOfWork, event: CallEvent): Promise<Recorded> {
  const now = new Date().toISOString();
  const eventId = event.id;
  if ((await unit.events.known([eventId])).has(eventId)) return { eventId, outcome: 'duplicate' };

  const entry = unit.events.add(event, now);
  const keys = keysOf(event);
  const place = await findPlace(unit, event, keys);
  if (place === 'unassigned') return { eventId, outcome: 'unassigned' };
  if (place !== 'regroup') {
    const recorded = await append(unit, place.callId, entry, now);
    // The call may begin earlier than was known.
    if (keys.isFounding) await settleNames(unit, await roomNamesOf(unit, place.callId), now);
    return recorded;
  }
  const regrouping = await regroup(unit, keys.ids);
  await settle(unit, regrouping, now);
  await settleNames(unit, regrouping.roomNames, now);
  const { callId, late } = entry;
  if (callId === undefined) return { eventId, outcome: 'unassigned' };
  return { eventId, outcome: late ? 'late' : 'applied', callId };
}

/** One more event of a call that is known. */
async function append(
  unit: UnitOfWork,
  callId: string,
  entry: Entry,
  now: string,
): Promise<Recorded> {
  const eventId = entry.event.id;
  const known = await unit.call(callId);
  if (known === undefined) throw new Error('a key names a call that is not there');
  if (known.erasedAt !== null) scrub(unit, entry);
  const isLate = known.sealedAt !== null;
  // What was said in old calls is not kept, however late it is told.
  const isSilenced = isLate && known.call.removed?.transcript !== undefined;
  if (isSilenced) unit.events.rewrite(entry, withoutSpeech(entry.event));
  unit.assign(entry, callId, isLate);
  if (isLate) {
    unit.calls.touch(callId, now);
    return { eventId, outcome: 'late', callId };
  }
  const next = transition(known.call, entry.event);
  unit.save(next.ignored === 'stale' ? await refold(unit, callId, known.call) : next.call, now);
  return { eventId, outcome: next.ignored === 'no_effect' ? 'no_effect' : 'applied', callId };
}

/** Puts the events where they belong, and folds the calls that gained or lost any. */
async function settle(
  unit: UnitOfWork,
  { calls, late, emptied, moved }: Regrouping,
  now: string,
): Promise<void> {
  for (const { callId, entry } of late) await append(unit, callId, entry, now);
  const changed = [...emptied, ...(moved ? calls.map((call) => call.id) : [])];
  const former = (await unit.keys.of(changed)).filter(({ kind }) => kind === 'call');
  for (const id of changed) unit.keys.clear(id);
  const heirs = new Map(emptied.map((id) => [id, heirOf(id, calls)]));
  for (const { key, callId } of [...emptied.map((id) => ({ key: id, callId: id })), ...former]) {
    const heir = heirs.has(callId) ? heirs.get(callId) : callId;
    if (heir !== undefined) unit.keys.add(heir, [{ kind: 'call', key }]);
  }
  for (const { id, entries, gained } of calls) {
    const known = await unit.call(id);
    if (await isErased(unit, [id, ...gained.flatMap(({ callId }) => callId ?? [])])) {
      if ((known?.erasedAt ?? null) === null) unit.erased.add(id);
      for (const entry of entries) scrub(unit, entry);
    }
    for (const entry of gained) unit.assign(entry, id);
    for (const { event } of moved ? entries : gained) unit.keys.add(id, keysOf(event).ofCall);
    const call = recordOf(id, entries, known?.call);
    if (call !== undefined) unit.save(call, now);
  }
  for (const [id, heir] of heirs) await unit.removeCall(id, heir);
}

/** The call that an emptied one turned out to be. */
function heirOf(emptied: string, calls: Regrouping['calls']): string | undefined {
  return calls.find(({ gained }) => gained.some(({ callId }) => callId === emptied))?.id;
}

/**
 * Events that name nothing but their room's name: the calls of that name, or their beginnings,
 * may be others now.
 */
async function settleNames(
  unit: UnitOfWork,
  roomNames: readonly string[],
  now: string,
): Promise<void> {
  for (const entry of await unit.events.nameOnly(roomNames)) {
    const callId = await callByName(unit, entry.event, keysOf(entry.event));
    if (callId === entry.callId) continue;
    const before = entry.callId === undefined ? undefined : await unit.call(entry.callId);
    if (before !== undefined && before.sealedAt !== null) continue;
    if (callId !== undefined) await append(unit, callId, entry, now);
    else unit.unassign(entry);
    if (before === undefined) continue;
    unit.save(await refold(unit, before.call.id, before.call), now);
  }
}

/** A person was removed from the call: what comes after that is not kept either. */
function scrub(unit: UnitOfWork, entry: Entry): void {
  unit.events.rewrite(entry, withoutPerson(entry.event));
}

/** What was taken out of any of these calls is not kept by the one that they become. */
async function isErased(unit: UnitOfWork, callIds: readonly string[]): Promise<boolean> {
  const calls = await unit.calls.find([...new Set(callIds)]);
  return [...calls.values()].some(({ erasedAt }) => erasedAt !== null);
}

async function refold(unit: UnitOfWork, callId: string, before: Call): Promise<Call> {
  return recordOf(callId, await unit.events.ofCalls([callId]), before) ?? before;
}

/** @param before whose events tell nothing of what was removed */
function recordOf(
  callId: string,
  entries: readonly Entry[],
  before: Call | undefined,
): Call | undefined {
  const call = fold(
    callId,
    entries.map(({ event }) => event),
  );
  const removed = before?.removed;
  return call === undefined || removed === undefined ? call : { ...call, removed };
}
