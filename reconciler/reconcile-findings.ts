import type { AgentJob, Call, Leg } from '../calls/call.ts';
import { isFinal } from '../calls/call.ts';
import type { CallerKind, CallEvent } from '../calls/events.ts';
import type { UnassignedRoom } from '../ledger/ledger.ts';
import { plausibleTime } from '../calls/plausible-time.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';
import { correlationOf, participantData } from '../livekit/from-livekit.ts';
import type { LiveKitRoom } from '../livekit/livekit-api.ts';
import { isCaller } from '../livekit/livekit-webhook.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';

/** A caller who was invited and never came into a room is given up, ms. */
const NO_ROOM_MS = 60_000;
/** The webhook about somebody who has just come is still on its way, ms. */
const JUST_COME_MS = 3_000;

/** A room as LiveKit has it now. */
export interface RoomState extends LiveKitRoom {
  /** Undefined when LiveKit would not say: then nothing is concluded. */
  readonly people: readonly LiveKitParticipant[] | undefined;
}

/** Whether a phone call is in it, and the webhooks about everybody should have come. */
export function isSettled({ people = [] }: RoomState, now: Date): boolean {
  return people.some(isCaller) && !people.some((one) => hasJustCome(one, now));
}

/** What the record does not know of the people who are in this room. */
export function arrivals(
  room: RoomState,
  calls: readonly Call[],
  plan: NumberPlan,
  now: Date,
): CallEvent[] {
  const inRoom = calls.filter((call) => isIn(call, room));
  const legs = calls.flatMap((call) => call.legs);
  return (room.people ?? []).flatMap((participant) => {
    const isNew = hasJustCome(participant, now);
    if (isCaller(participant)) {
      const leg = legs.find((known) => hasStay(known, participant));
      const answered =
        leg?.answeredAt === undefined &&
        participantData(participant, plan, now.toISOString()).sip?.status === 'active';
      const unheardOf = leg === undefined && !isNew;
      return unheardOf || (answered && leg !== undefined)
        ? [joined(participant, room, plan, now)]
        : [];
    }
    if (participant.kind !== 'AGENT' || isNew || inRoom.length === 0) return [];
    return findAgent(inRoom, participant) ? [] : [joined(participant, room, plan, now)];
  });
}

/** Who the record has in a room that LiveKit does not have there. */
export function departures(call: Call, rooms: readonly RoomState[], now: Date): CallEvent[] {
  const here = rooms.filter((room) => isIn(call, room));
  if (here.some(({ people }) => people === undefined)) return [];
  // A server that was started anew has the caller in another room of the same name.
  if (here.length === 0) return isLost(call, now) ? [lost(call, now)] : [];

  const present = new Set(rooms.flatMap(({ people = [] }) => people.map(({ sid }) => sid)));
  const room = { roomSid: call.room?.sid };
  const callerKind = call.ingress === 'browser' ? 'browser' : 'sip';
  const legs = call.legs.flatMap((leg) =>
    leg.stays
      .filter(({ participantSid, leftAt }) => leftAt === undefined && !present.has(participantSid))
      .map(({ participantSid }) =>
        left({ ...room, participantSid, sipCallId: leg.sipCallId }, callerKind, now),
      ),
  );
  const agents = call.agents.flatMap(({ participantSid, jobId, joinedAt, leftAt }) => {
    if (participantSid === undefined || joinedAt === undefined || leftAt !== undefined) return [];
    return present.has(participantSid)
      ? []
      : [left({ ...room, participantSid, jobId }, 'agent', now)];
  });
  return [...legs, ...agents];
}

/**
 * Whether a room that no call is known for is a call all the same: an agent waits in it for
 * somebody, or met somebody there while nobody was told. An agent that only came too late, into a
 * room that its own coming has made anew, is none.
 */
export function isCallOfAgent(
  { hasAgent, hasBegun }: Pick<UnassignedRoom, 'hasAgent' | 'hasBegun'>,
  room: RoomState | undefined,
): boolean {
  if (!hasAgent) return false;
  if (room === undefined) return hasBegun;
  if (room.people === undefined) return false;
  // With a caller in it, it is that caller's call.
  if (room.people.some(isCaller)) return false;
  return hasBegun || room.people.some(({ kind }) => kind === 'AGENT');
}

/** An agent waits where nobody has called: a call of its own. */
export function agentAlone({ sid, name }: { sid: string; name?: string }, now: Date): CallEvent {
  return {
    ...inferred(`found:${sid}`, now),
    correlation: { roomSid: sid, ...(name !== undefined && { roomName: name }) },
    type: 'call.found',
    data: {},
  };
}

function hasJustCome({ joinedAtMs }: LiveKitParticipant, now: Date): boolean {
  const joinedAt = plausibleTime(Number(joinedAtMs), now);
  return joinedAt !== undefined && now.getTime() - Date.parse(joinedAt) < JUST_COME_MS;
}

/** By sid; or by who is in it, since a room that is made anew has another sid. */
function isIn(call: Call, { sid, people = [] }: RoomState): boolean {
  return call.room?.sid === sid || people.some((one) => call.legs.some((leg) => isOf(leg, one)));
}

function isOf(leg: Leg, participant: LiveKitParticipant): boolean {
  const sipCallId = participant.attributes?.['sip.callID'];
  return hasStay(leg, participant) || (sipCallId !== undefined && leg.sipCallId === sipCallId);
}

function hasStay({ stays }: Leg, { sid }: LiveKitParticipant): boolean {
  return stays.some(({ participantSid }) => participantSid === sid);
}

function findAgent(calls: readonly Call[], { sid }: LiveKitParticipant): AgentJob | undefined {
  return calls.flatMap(({ agents }) => agents).find(({ participantSid }) => participantSid === sid);
}

function joined(
  participant: LiveKitParticipant,
  room: LiveKitRoom,
  plan: NumberPlan,
  now: Date,
): CallEvent {
  const data = participantData(participant, plan, now.toISOString());
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

function left(
  ids: {
    roomSid: string | undefined;
    participantSid: string;
    sipCallId?: string | undefined;
    jobId?: string | undefined;
  },
  kind: CallerKind | 'agent',
  now: Date,
): CallEvent {
  const { roomSid, participantSid, sipCallId, jobId } = ids;
  return {
    ...inferred(`left:${participantSid}`, now),
    correlation: {
      participantSid,
      ...(roomSid !== undefined && { roomSid }),
      ...(sipCallId !== undefined && { sipCallId }),
      ...(jobId !== undefined && { jobId }),
    },
    type: 'participant.left',
    data: { kind, identity: '', reason: kind === 'agent' ? 'connection_lost' : 'other' },
  };
}

function isLost(call: Call, now: Date): boolean {
  if (call.room?.finishedAt !== undefined) return false;
  if (call.room?.sid !== undefined) return true;
  // A call that was refused at once never had a room.
  return !isFinal(call.state) && now.getTime() - Date.parse(call.startedAt) > NO_ROOM_MS;
}

function lost(call: Call, now: Date): CallEvent {
  const { sid: roomSid, name: roomName } = call.room ?? {};
  const sipCallId = call.legs[0]?.sipCallId;
  const stays = call.legs.reduce((sum, leg) => sum + leg.stays.length, 0);
  return {
    // Who comes back may be lost again.
    ...inferred(`lost:${call.id}:${stays}`, now),
    correlation: {
      ...(roomSid !== undefined && { roomSid }),
      ...(roomName !== undefined && { roomName }),
      ...(sipCallId !== undefined && { sipCallId }),
    },
    type: 'call.lost',
    data: {},
  };
}

function inferred(id: string, now: Date) {
  return { id, source: 'reconciler', at: now.toISOString(), inferred: true } as const;
}
