import type { Logger } from 'pino';
import type { Call } from '../calls/call.ts';
import { isFinal } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Ledger } from '../calls/ledger.ts';
import type { NumberPlan } from './from-livekit.ts';
import { correlationOf, participantData } from './from-livekit.ts';
import type { LiveKitRooms } from './livekit-rooms.ts';
import type { LiveKitParticipant } from './livekit-webhook.ts';

/** What was heard of just now is still on its way by webhook, ms. */
const QUIET_MS = 10_000;
/** A caller who was invited and never came into a room is given up, ms. */
const NO_ROOM_MS = 60_000;
/** Events without a call are looked at this long, ms. */
const UNASSIGNED_MS = 3_600_000;

export interface ReconcilerDeps {
  readonly ledger: Ledger;
  readonly livekit: LiveKitRooms;
  readonly plan: NumberPlan;
  readonly log: Pick<Logger, 'info'>;
}

/**
 * Compares the open calls with what LiveKit says is there and records the differences as inferred
 * events: who came or left without a webhook, rooms that are gone, calls never heard of. The
 * events' ids follow from what was found, so that finding it twice records it once.
 *
 * Rejects when LiveKit or the ledger does not answer; then nothing is concluded.
 */
export async function reconcile(deps: ReconcilerDeps, now: Date): Promise<void> {
  const { ledger, livekit, log } = deps;
  const quietSince = new Date(now.getTime() - QUIET_MS).toISOString();
  // Asked before LiveKit is: a room that is made in between must not look gone.
  const open = await ledger.openCalls();
  const unassigned = await ledger.unassignedRooms(
    new Date(now.getTime() - UNASSIGNED_MS).toISOString(),
  );
  const rooms = await livekit.rooms();
  const live = new Map(rooms.map(({ sid, name }) => [sid, name]));
  const found: CallEvent[] = [];
  const compared = new Set<string>();

  for (const { call, touchedAt } of open) {
    const { sid } = call.room ?? {};
    if (sid !== undefined) compared.add(sid);
    if (touchedAt > quietSince) continue;
    const roomName = sid === undefined ? undefined : live.get(sid);
    if (roomName !== undefined && sid !== undefined) {
      const present = await livekit.participants(roomName);
      found.push(...differences(call, { sid, name: roomName }, present, deps.plan, now));
    } else if (isLost(call, touchedAt, now)) {
      found.push(lost(call, now));
    }
  }

  for (const { roomSid, roomName, hasAgent, touchedAt } of unassigned) {
    if (touchedAt > quietSince || !hasAgent || compared.has(roomSid)) continue;
    const people = live.has(roomSid) ? await livekit.participants(roomName ?? '') : [];
    // With a caller in it, the loop below makes it that caller's call.
    if (!people.some(({ kind }) => kind === 'SIP')) found.push(agentAlone(roomSid, roomName, now));
  }

  for (const { sid, name } of rooms) {
    if (compared.has(sid)) continue;
    const present = await livekit.participants(name);
    for (const participant of present) {
      if (participant.kind !== 'SIP') continue;
      found.push(joined(participant, { sid, name }, deps.plan, now));
    }
  }

  if (found.length === 0) return;
  const recorded = await ledger.record(found);
  const fresh = recorded.filter(({ outcome }) => outcome !== 'duplicate').length;
  if (fresh > 0) log.info({ events: fresh }, 'reconciled with LiveKit');
}

interface RoomId {
  readonly sid: string;
  readonly name: string;
}

/** What must have happened to the call, for its room to be as it is. */
function differences(
  call: Call,
  room: RoomId,
  present: readonly LiveKitParticipant[],
  plan: NumberPlan,
  now: Date,
): CallEvent[] {
  const events: CallEvent[] = [];
  const here = new Set(present.map(({ sid }) => sid));
  for (const participant of present) {
    if (participant.kind !== 'SIP') continue;
    const leg = call.legs.find(({ stays }) =>
      stays.some(({ participantSid }) => participantSid === participant.sid),
    );
    const active = participant.attributes?.['sip.callStatus'] === 'active';
    if (leg === undefined || (active && leg.answeredAt === undefined)) {
      events.push(joined(participant, room, plan, now));
    }
  }
  for (const leg of call.legs) {
    for (const { participantSid, leftAt } of leg.stays) {
      if (leftAt !== undefined || here.has(participantSid)) continue;
      const { sipCallId } = leg;
      events.push({
        ...inferred(`left:${participantSid}`, now),
        correlation: {
          roomSid: room.sid,
          participantSid,
          ...(sipCallId !== undefined && { sipCallId }),
        },
        type: 'participant.left',
        data: { kind: 'sip', identity: '', reason: 'other' },
      });
    }
  }
  for (const { participantSid, jobId, leftAt, joinedAt } of call.agents) {
    if (participantSid === undefined || joinedAt === undefined) continue;
    if (leftAt !== undefined || here.has(participantSid)) continue;
    events.push({
      ...inferred(`left:${participantSid}`, now),
      correlation: { roomSid: room.sid, participantSid, ...(jobId !== undefined && { jobId }) },
      type: 'participant.left',
      data: { kind: 'agent', identity: '', reason: 'connection_lost' },
    });
  }
  return events;
}

function joined(
  participant: LiveKitParticipant,
  room: RoomId,
  plan: NumberPlan,
  now: Date,
): CallEvent {
  const data = participantData(participant, plan);
  const answered = data.sip?.status === 'active';
  return {
    // Being there and being answered are two findings.
    ...inferred(`${answered ? 'active' : 'joined'}:${participant.sid}`, now),
    ...(data.joinedAt !== undefined && !answered && { at: data.joinedAt }),
    correlation: correlationOf(participant, { roomSid: room.sid, roomName: room.name }),
    type: 'participant.joined',
    data,
  };
}

function isLost(call: Call, touchedAt: string, now: Date): boolean {
  if (call.room?.finishedAt !== undefined) return false;
  if (call.room?.sid !== undefined) return true;
  // A call that was refused at once never had a room.
  return !isFinal(call.state) && now.getTime() - Date.parse(touchedAt) > NO_ROOM_MS;
}

function lost(call: Call, now: Date): CallEvent {
  const { sid: roomSid, name: roomName } = call.room ?? {};
  const sipCallId = call.legs[0]?.sipCallId;
  return {
    ...inferred(`lost:${call.id}`, now),
    correlation: {
      ...(roomSid !== undefined && { roomSid }),
      ...(roomName !== undefined && { roomName }),
      ...(sipCallId !== undefined && { sipCallId }),
    },
    type: 'call.lost',
    data: {},
  };
}

function agentAlone(roomSid: string, roomName: string | undefined, now: Date): CallEvent {
  return {
    ...inferred(`found:${roomSid}`, now),
    correlation: { roomSid, ...(roomName !== undefined && { roomName }) },
    type: 'call.found',
    data: {},
  };
}

function inferred(id: string, now: Date) {
  return { id, source: 'reconciler', at: now.toISOString(), inferred: true } as const;
}
