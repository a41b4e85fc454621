import { findAgent, isThere, withAgent, withPresence } from './agents.ts';
import type { Call, CallRoom, Ending, RescueStep } from './call.ts';
import {
  agentVanished,
  fromAgentEnded,
  fromDialFailed,
  fromFallback,
  fromLegEnded,
  fromLost,
  fromOperator,
  fromRescueTransfer,
  fromSipLeft,
  isHearsay,
  mergeEnding,
  withoutCause,
  withoutOperator,
} from './end-evidence.ts';
import type { CallEvent } from './events.ts';
import { jobOf, orderOf } from './events.ts';
import {
  defined,
  describeLeg,
  endIfGone,
  findLeg,
  inferAnswer,
  lastStay,
  withKnownLeg,
  withLeg,
  withStay,
} from './legs.ts';
import type { Correlation } from './reports.ts';
import { withState } from './state.ts';

export interface Transition {
  readonly call: Call;
  /** Why the event changed nothing; absent when it did. */
  readonly ignored?: Ignored;
}

/**
 * - `stale`: it is not after the last event folded in (a duplicate is not either): fold anew
 * - `sealed`: the record is final
 * - `no_effect`: it belongs on the timeline only
 */
type Ignored = 'stale' | 'sealed' | 'no_effect';

/** A call before its first event. */
export function newCall(id: string, first: CallEvent): Call {
  return {
    id,
    direction: 'inbound',
    ingress: 'room',
    state: 'initializing',
    legs: [],
    agents: [],
    turns: [],
    usage: [],
    startedAt: first.at,
    foldedTo: '',
  };
}

/**
 * The call after the event. Pure; never throws. Takes events in `orderOf` only: `fold` sorts.
 *
 *     initializing -> ringing -> connected -> in_progress -> ending -> ended
 *          \-------------\------------\------------\-----------\----> failed
 *
 * The state follows from what is known (`state.ts`), so that any event may be missing: a call
 * goes from any state to any later one, and back only when a caller or an agent comes back.
 *
 * @example transition(call, left).call.state; // 'ended'
 */
export function transition(call: Call, event: CallEvent): Transition {
  if (call.sealedAt !== undefined) return { call, ignored: 'sealed' };
  const order = orderOf(event);
  if (order <= call.foldedTo) return { call, ignored: 'stale' };
  const placed = withRoom(call, event);
  const changed = apply(placed, event);
  const next = withState({ ...changed, foldedTo: order });
  return changed === call ? { call: next, ignored: 'no_effect' } : { call: next };
}

function apply(call: Call, event: CallEvent): Call {
  const { at, correlation } = event;
  switch (event.type) {
    case 'room.started':
      return isElsewhere(call, correlation.roomSid)
        ? call
        : inRoom(call, { startedAt: event.data.startedAt ?? at });
    case 'room.finished':
      return finishRoom(call, at, correlation.roomSid);
    case 'participant.joined':
    case 'participant.left':
      return applyParticipant(call, event);
    case 'track.published': {
      const agent = findAgent(call, undefined, correlation.participantSid);
      if (agent === undefined || agent.trackAt !== undefined) return call;
      return withAgent(call, {}, correlation.participantSid, { trackAt: at });
    }
    case 'leg.invited': {
      const { from, to, trunk, line, sipCallIdFull } = event.data;
      const described = {
        direction: 'inbound',
        from,
        ...defined({ to }),
        trunk,
        sipCallIdFull,
      } as const;
      return withLeg({ ...call, line, ingress: 'sip' }, correlation, 'inbound', (leg) => ({
        ...leg,
        ...described,
        invitedAt: at,
      }));
    }
    case 'leg.answered':
      return withLeg(call, correlation, 'inbound', ({ answerInferred: _told, ...leg }) => ({
        ...leg,
        answeredAt: at,
        codec: event.data.codec,
      }));
    case 'leg.held':
      return withKnownLeg(call, correlation, (leg) => ({ ...leg, held: true }));
    case 'leg.resumed':
      return withKnownLeg(call, correlation, ({ held: _over, ...leg }) => leg);
    case 'leg.fallback':
      return withEnding(call, fromFallback(event.data));
    case 'leg.ended': {
      const { sipCode, media } = event.data;
      const ended = withLeg(call, correlation, 'inbound', (leg) => ({
        ...leg,
        ...defined({ sipCode, media }),
        endedAt: at,
        reportedEnd: true,
      }));
      return withEnding(ended, fromLegEnded(event.data));
    }
    case 'agent.started': {
      const { agentName: name, profile, profileVersion, pipeline, line } = event.data;
      const started = { name, profile, profileVersion, pipeline, startedAt: at };
      return withAgent({ line, ...call }, correlation, undefined, started);
    }
    case 'agent.first_audio': {
      const { endingAt: _over, ending: _cause, ...current } = call;
      const ending = withoutCause(call.ending);
      const heard = withAgent(
        { inProgressAt: at, ...current, ...(ending && { ending }) },
        correlation,
        undefined,
        { firstAudioAt: at },
      );
      // Nothing is sent to a caller who has not been answered.
      return {
        ...heard,
        legs: heard.legs.map((leg) => (leg.endedAt === undefined ? inferAnswer(leg, at) : leg)),
      };
    }
    case 'turn': {
      const job = jobOf(event);
      const others = call.turns.filter(
        (turn) => turn.job !== job || turn.index !== event.data.index,
      );
      return { ...call, turns: [...others, { ...event.data, job, at }] };
    }
    case 'usage': {
      const job = jobOf(event);
      const others = call.usage.filter((usage) => usage.job !== job);
      return { ...call, usage: [...others, { job, models: event.data.models }] };
    }
    case 'agent.ended': {
      const ended = withAgent(call, correlation, undefined, { endedAt: at });
      const { endReason } = event.data;
      const isReplaced = isBehind(ended, correlation);
      const found = fromAgentEnded(call, event.data, isReplaced);
      // A dead agent may be replaced; every other end of it is the end of the call.
      const goesOn = endReason === 'agent_lost' || isReplaced;
      return withEnding(goesOn ? ended : { ...ended, endingAt: ended.endingAt ?? at }, found);
    }
    case 'rescue.dispatched':
      return withRescue(call, { step: 'dispatch', at, agents: event.data.agents });
    case 'rescue.fallback': {
      const step = event.data.number === undefined ? 'agent' : 'number';
      return withRescue(call, { step, at, agents: event.data.agents });
    }
    case 'rescue.failed': {
      const last = call.rescue?.at(-1);
      if (last === undefined) return call;
      return { ...call, rescue: [...(call.rescue ?? []).slice(0, -1), { ...last, failed: true }] };
    }
    case 'rescue.transferred': {
      const { ending: _failure, ...served } = call;
      const before = withoutCause(call.ending);
      return withEnding({ ...served, ...(before && { ending: before }) }, fromRescueTransfer());
    }
    case 'rescue.released': {
      const { agents, reason } = event.data;
      const released = withEnding(call, fromFallback({ reason }));
      return withRescue(released, { step: 'release', at, agents });
    }
    case 'call.lost':
      return finishRoom(withEnding(call, fromLost(call)), goneAt(call, event));
    case 'call.requested': {
      const { to, from, line } = event.data;
      const numbers = defined({ to, from });
      return { ...call, ...numbers, line, direction: 'outbound', ingress: 'livekit-sip' };
    }
    case 'dial.answered':
      return withLeg(call, correlation, 'outbound', ({ answerInferred, ...leg }) => ({
        ...leg,
        answeredAt: answerInferred ? at : (leg.answeredAt ?? at),
      }));
    case 'dial.failed': {
      const { sipCode } = event.data;
      const legs = call.legs.map((leg) => ({ ...leg, ...defined({ sipCode }) }));
      return finishRoom(withEnding({ ...call, legs }, fromDialFailed(event.data)), at);
    }
    case 'hangup.requested':
      return withEnding(
        { ...call, endingAt: call.endingAt ?? at },
        fromOperator('operator_hangup'),
      );
    case 'hangup.failed': {
      const { endingAt: _not, ending, ...current } = call;
      const left = withoutOperator(ending);
      return { ...current, ...(left && { ending: left }) };
    }
    case 'transfer.completed':
      return withEnding(call, fromOperator('transferred'));
    case 'transfer.requested':
    case 'transfer.failed':
    case 'call.found':
    case 'listener.admitted':
    case 'rescue.removed':
    case 'track.unpublished':
    case 'leg.dtmf':
    case 'agent.error':
    case 'other':
      return call;
    default:
      return event satisfies never;
  }
}

function applyParticipant(
  call: Call,
  event: CallEvent & { type: 'participant.joined' | 'participant.left' },
): Call {
  const { at, correlation, data } = event;
  const { participantSid } = correlation;
  if (participantSid === undefined || data.kind === 'other') return call;
  const { roomSid } = correlation;
  const stay = defined({
    roomSid,
    joinedAt: data.joinedAt ?? (event.type === 'participant.joined' ? at : undefined),
    leftAt: event.type === 'participant.left' ? goneAt(call, event) : undefined,
  });
  if (data.kind === 'agent') {
    const known = withPresence(call, correlation, participantSid, stay, data.agentName);
    if (event.type === 'participant.joined') return known;
    const agent = findAgent(known, correlation.jobId, participantSid);
    const onTheLine = call.legs.some((leg) => leg.endedAt === undefined);
    const vanished = event.data.reason === 'connection_lost' || event.data.reason === 'agent_error';
    const isReplaced = agent?.participantSid !== participantSid || known.agents.some(isThere);
    if (!vanished || isReplaced || agent?.endedAt !== undefined || !onTheLine) return known;
    return withEnding(known, agentVanished());
  }

  const { sip } = data;
  const direction = sip?.direction ?? 'inbound';
  const line = sip?.line;
  // Not everybody who tells of a caller knows that the ingress is one of ours.
  const isKnown = sip === undefined || (call.ingress !== 'room' && sip.ingress !== 'sip');
  const ingress = isKnown ? call.ingress : sip.ingress;
  const described = { ...(line !== undefined && { line }), ...call, ingress };
  const withIt = withLeg(described, correlation, direction, (leg) => {
    const known = withStay(describeLeg(leg, sip), participantSid, stay);
    if (sip?.status !== 'active') return endIfGone(known);
    return endIfGone(inferAnswer(known, heardAt(call, data.joinedAt) ?? sip.statusAt ?? at));
  });
  const current = findLeg(withIt, correlation);
  // What was replaced by another participant ends nothing and moves nothing.
  if (current && lastStay(current)?.participantSid !== participantSid) return withIt;
  const isNewest = lastStay(...withIt.legs)?.participantSid === participantSid;
  const hasMoved = isNewest && isElsewhere(withIt, roomSid);
  const placed = hasMoved ? moveTo(withIt, correlation) : withIt;
  if (event.type === 'participant.joined') {
    const isBack = (current?.stays.length ?? 0) > 1;
    return isBack ? withoutHearsay(placed) : placed;
  }

  const { reason } = event.data;
  const answered = withLeg(placed, correlation, direction, (leg) => {
    // livekit-sip answers when there is a track to listen to, and tells nobody.
    const heard = call.agents.find((agent) => agent.trackAt !== undefined)?.trackAt;
    const joined = leg.stays[0]?.joinedAt;
    if (sip?.status !== 'hangup' || heard === undefined || joined === undefined) return leg;
    if (leg.invitedAt !== undefined || leg.answeredAt !== undefined) return leg;
    return inferAnswer(leg, heard > joined ? heard : joined);
  });
  const leg = findLeg(answered, correlation);
  return leg?.endedAt === undefined
    ? answered
    : withEnding(answered, fromSipLeft(call, leg, reason, sip?.status));
}

/**
 * When those who are found to be gone have left: no later than an agent that knows how the call
 * ended, because it takes the room with it.
 */
function goneAt(call: Call, { at, inferred }: CallEvent): string {
  const ends = call.agents.flatMap(({ endedAt }) => endedAt ?? []);
  if (inferred !== true || call.endingAt === undefined) return at;
  if (ends.length < call.agents.length) return at;
  const last = ends.toSorted().at(-1);
  const joins = call.legs.flatMap(({ stays }) => stays.flatMap(({ joinedAt }) => joinedAt ?? []));
  return last === undefined || joins.some((joinedAt) => joinedAt > last) ? at : last;
}

/** Since when an agent has spoken with who joined then: they had been answered. */
function heardAt(call: Call, joinedAt: string | undefined): string | undefined {
  if (joinedAt === undefined) return undefined;
  const heard = call.agents.flatMap(({ firstAudioAt }) => firstAudioAt ?? []);
  return heard.filter((at) => at >= joinedAt).toSorted()[0];
}

/**
 * Whether the agent is not with the caller any more: another one is, or the caller has come back as
 * another participant than it knew.
 */
function isBehind(call: Call, correlation: Correlation): boolean {
  if (call.agents.some(isThere)) return true;
  const { participantSid } = correlation;
  const leg = call.legs.find(({ stays }) =>
    stays.some((stay) => stay.participantSid === participantSid),
  );
  return leg !== undefined && lastStay(leg)?.participantSid !== participantSid;
}

/** The caller is here again: what an agent took for their end was none. */
function withoutHearsay(call: Call): Call {
  if (call.ending === undefined || !isHearsay(call.ending)) return call;
  const { ending: _end, endingAt: _since, ...current } = call;
  return current;
}

function withRescue(call: Call, step: RescueStep): Call {
  return { ...call, rescue: [...(call.rescue ?? []), step] };
}

function withEnding(call: Call, found: Ending): Call {
  return { ...call, ending: mergeEnding(call.ending, found) };
}

/**
 * A room that is gone has nobody in it, whatever was not told.
 *
 * @param roomSid absent: the call is in no room any more
 */
function finishRoom(call: Call, at: string, roomSid?: string): Call {
  const isThere = (sid: string | undefined) =>
    roomSid === undefined || sid === undefined || sid === roomSid;
  const leave = <T extends { readonly roomSid?: string; readonly leftAt?: string }>(one: T): T =>
    one.leftAt === undefined && isThere(one.roomSid) ? { ...one, leftAt: at } : one;
  const { room } = call;
  return {
    ...call,
    ...(isThere(room?.sid) && { room: { ...room, finishedAt: room?.finishedAt ?? at } }),
    legs: call.legs.map((leg) => {
      const isOver = leg.endedAt !== undefined || !isThere(lastStay(leg)?.roomSid);
      return { ...leg, stays: leg.stays.map(leave), ...(!isOver && { endedAt: at }) };
    }),
    agents: call.agents.map(leave),
  };
}

function isElsewhere(call: Call, roomSid: string | undefined): boolean {
  const known = call.room?.sid;
  return known !== undefined && roomSid !== undefined && roomSid !== known;
}

/** LiveKit was started anew, or a node of it died: the caller has come back into another room. */
function moveTo(call: Call, { roomSid, roomName }: Correlation): Call {
  return { ...call, room: defined({ sid: roomSid, name: roomName }) };
}

function inRoom(call: Call, change: Partial<CallRoom>): Call {
  return { ...call, room: { ...call.room, ...change } };
}

/** Every event may be the first that names the room. */
function withRoom(call: Call, { correlation: { roomSid, roomName } }: CallEvent): Call {
  const sid = call.room?.sid ?? roomSid;
  const name = call.room?.name ?? roomName;
  if (sid === call.room?.sid && name === call.room?.name) return call;
  return inRoom(call, defined({ sid, name }));
}
