import type { Logger } from 'pino';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { everyEvent } from '../ledger/page.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';
import type { LiveKitRoom, LiveKitRooms } from '../livekit/livekit-api.ts';
import type { RoomState } from './reconcile-findings.ts';
import {
  agentAlone,
  arrivals,
  departures,
  isCallOfAgent,
  isSettled,
} from './reconcile-findings.ts';

/** What was heard of just now is still on its way by webhook, ms. */
const QUIET_MS = 10_000;
/** Events without a call are looked at this long, ms. */
const UNASSIGNED_MS = 3_600_000;
/** A call that rings for longer is not asked about every few seconds any more, ms. */
const YOUNG_MS = 200_000;
const YOUNG_AT_ONCE = 50;
/** Requests to LiveKit under way at once. */
const CONCURRENCY = 8;

export interface ReconcilerDeps {
  readonly ledger: Pick<Ledger, 'openCalls' | 'unassignedRooms' | 'record' | 'calls' | 'events'>;
  readonly livekit: LiveKitRooms;
  readonly plan: NumberPlan;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Told how many events were concluded. */
  readonly onInferred?: (events: number) => void;
}

/**
 * Compares the open calls with what LiveKit says is there and records the differences as inferred
 * events: who came or left without a webhook, rooms that are gone, calls never heard of. The
 * events' ids follow from what was found, so that finding it twice, also by two call services,
 * records it once.
 *
 * Rejects when LiveKit or the ledger does not answer; then nothing is concluded.
 *
 * @returns LiveKit's rooms
 */
export async function reconcile(deps: ReconcilerDeps, now: Date): Promise<readonly RoomState[]> {
  const { ledger, livekit, plan } = deps;
  const quietSince = new Date(now.getTime() - QUIET_MS).toISOString();
  // Asked before LiveKit is: a room that is made in between must not look gone.
  const open = await ledger.openCalls();
  const unassigned = await ledger.unassignedRooms(
    new Date(now.getTime() - UNASSIGNED_MS).toISOString(),
  );
  const rooms = await inspect(deps, await livekit.rooms());
  const calls = open.map(({ call }) => call);

  const found: CallEvent[] = rooms.flatMap((room) => arrivals(room, calls, plan, now));
  for (const { call, touchedAt } of open) {
    if (touchedAt > quietSince) continue;
    for (const event of departures(call, rooms, now)) {
      found.push(await withIdentity(event, call, ledger));
    }
  }
  for (const one of unassigned) {
    const { roomSid, roomName: name, touchedAt } = one;
    if (touchedAt > quietSince || calls.some(({ room }) => room?.sid === roomSid)) continue;
    const room = rooms.find(({ sid }) => sid === roomSid);
    if (!isCallOfAgent(one, room)) continue;
    found.push(agentAlone({ sid: roomSid, ...(name !== undefined && { name }) }, now));
  }
  await recordFound(deps, found);
  return rooms;
}

/**
 * Between two comparisons: looks into rooms that it has not seen yet, so that a call is known
 * after seconds although every webhook about it was lost, and at the calls that ring, because no
 * webhook tells that livekit-sip has answered one. (An ingress of ours reports that itself.)
 */
export class QuickLook {
  readonly #deps: ReconcilerDeps;
  /** Room sids that were looked into, people and all. */
  #seen = new Set<string>();

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  async run(now: Date): Promise<void> {
    const { ledger, livekit, plan } = this.#deps;
    const all = await livekit.rooms();
    const ringing = await this.#ringing(now);
    const rooms = await inspect(
      this.#deps,
      all.filter(({ sid }) => !this.#seen.has(sid) || ringing.has(sid)).slice(0, YOUNG_AT_ONCE),
    );
    const seen = new Set(all.filter(({ sid }) => this.#seen.has(sid)).map(({ sid }) => sid));
    for (const room of rooms) if (isSettled(room, now)) seen.add(room.sid);
    this.#seen = seen;
    const settled = rooms.filter(({ sid }) => seen.has(sid) || ringing.has(sid));
    if (settled.length === 0) return;
    const calls = (await ledger.openCalls()).map(({ call }) => call);
    await recordFound(
      this.#deps,
      settled.flatMap((room) => arrivals(room, calls, plan, now)),
    );
  }

  /** Sids of their rooms. */
  async #ringing(now: Date): Promise<ReadonlySet<string>> {
    const { data } = await this.#deps.ledger.calls({
      state: 'ringing',
      since: new Date(now.getTime() - YOUNG_MS).toISOString(),
      limit: YOUNG_AT_ONCE,
    });
    const calls = data.filter(({ legs }) => legs.every(({ invitedAt }) => invitedAt === undefined));
    return new Set(calls.flatMap(({ room }) => room?.sid ?? []));
  }
}

/** Who is in each room. One that cannot be asked about does not keep the others from being. */
async function inspect(
  { livekit, log }: Pick<ReconcilerDeps, 'livekit' | 'log'>,
  rooms: readonly LiveKitRoom[],
): Promise<readonly RoomState[]> {
  const states: RoomState[] = [];
  for (let start = 0; start < rooms.length; start += CONCURRENCY) {
    const some = rooms.slice(start, start + CONCURRENCY).map(async (room) => {
      try {
        return { ...room, people: await livekit.participants(room.name) };
      } catch (error) {
        log.warn({ err: error, room: room.name }, 'room could not be looked into');
        return { ...room, people: undefined };
      }
    });
    states.push(...(await Promise.all(some)));
  }
  return states;
}

/** Records hold no identities; who left is called on the timeline what they were when they came. */
async function withIdentity(
  event: CallEvent,
  call: Call,
  ledger: Pick<Ledger, 'events'>,
): Promise<CallEvent> {
  if (event.type !== 'participant.left') return event;
  const { participantSid } = event.correlation;
  for await (const { event: past } of everyEvent(ledger, call.id)) {
    if (past.type !== 'participant.joined') continue;
    if (past.correlation.participantSid !== participantSid) continue;
    return { ...event, data: { ...event.data, identity: past.data.identity } };
  }
  return event;
}

async function recordFound(
  { ledger, log, onInferred }: ReconcilerDeps,
  found: readonly CallEvent[],
): Promise<void> {
  if (found.length === 0) return;
  const recorded = await ledger.record(found);
  const fresh = recorded.filter(({ outcome }) => outcome !== 'duplicate').length;
  if (fresh === 0) return;
  log.info({ events: fresh }, 'reconciled with LiveKit');
  onInferred?.(fresh);
}
