import type { Call, CallState } from './call.ts';
import { isFinal } from './call.ts';
import type { EndReason } from './reports.ts';

/** Ends that are nobody's wish. */
const FAILURES: readonly EndReason[] = [
  'no_agent',
  'busy',
  'no_answer',
  'rejected',
  'trunk_failure',
  'agent_lost',
  'provider_failure',
  'service_lost',
];

/** The call with the state and times that follow from its legs, agents and room. */
export function withState(call: Call): Call {
  const { endedAt: _last, ...rest } = call;
  const [first] = call.legs;
  const answers = call.legs.flatMap((leg) => leg.answeredAt ?? []).sort();
  const answeredAt = answers[0];
  const current: Call = {
    ...rest,
    ...(first && { direction: first.direction }),
    ...(first?.from !== undefined && { from: first.from }),
    ...(first?.to !== undefined && { to: first.to }),
    ...(answeredAt !== undefined && { answeredAt }),
  };
  if (!isOver(call)) {
    if (!isFinal(call.state)) return { ...current, state: openState(current) };
    // Somebody has come back: what ended the call before is not how it ends.
    const { endingAt: _before, ending: _why, ...again } = current;
    return { ...again, state: openState(again) };
  }
  const legEnds = call.legs.flatMap((leg) => leg.endedAt ?? []);
  const agentEnds = call.agents.flatMap((agent) => agent.endedAt ?? agent.leftAt ?? []);
  const ends = (legEnds.length > 0 ? legEnds : agentEnds).sort();
  const endedAt = ends.at(-1) ?? call.room?.finishedAt ?? call.startedAt;
  return {
    ...current,
    state: finalState(current),
    endedAt,
    endingAt: earlier(call.endingAt, endedAt),
  };
}

function isOver({ legs, agents, room }: Call): boolean {
  if (legs.length > 0) return legs.every((leg) => leg.endedAt !== undefined);
  if (room?.finishedAt !== undefined) return true;
  return agents.length > 0 && agents.every((agent) => agent.endedAt ?? agent.leftAt);
}

function openState(call: Call): CallState {
  if (call.endingAt !== undefined) return 'ending';
  if (call.inProgressAt !== undefined) return 'in_progress';
  if (call.answeredAt !== undefined) return 'connected';
  return call.legs.some((leg) => leg.stays.length > 0) ? 'ringing' : 'initializing';
}

function finalState(call: Call): CallState {
  const reason = call.ending?.reason ?? 'unknown';
  if (FAILURES.includes(reason)) return 'failed';
  const reached = call.answeredAt ?? call.inProgressAt;
  return reason === 'unknown' && reached === undefined ? 'failed' : 'ended';
}

function earlier(a: string | undefined, b: string): string {
  return a !== undefined && a < b ? a : b;
}

/**
 * Whether more can be expected of a call that is over: `nothing` when its legs, its room and its
 * agents have all had their last word.
 */
export function outstanding(call: Call): 'nothing' | 'room' | 'reports' {
  const { room, agents, legs } = call;
  const inRoom = room?.sid !== undefined || room?.startedAt !== undefined;
  if (inRoom && room.finishedAt === undefined) return 'room';
  const agentsDone = agents.every((agent) => agent.startedAt === undefined || agent.endedAt);
  const legsDone = legs.every((leg) => leg.invitedAt === undefined || leg.reportedEnd);
  return agentsDone && legsDone ? 'nothing' : 'reports';
}
