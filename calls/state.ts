import type { Call, CallState, Missing } from './call.ts';
import { isFinal } from './call.ts';
import { isOfOurIngress } from './legs.ts';
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
 * Who has not had their last word about a call that is over. An agent that only LiveKit knows of may
 * be cut off from us; so may one that nobody has told of, where somebody was answered.
 *
 * @example outstanding(call); // ['agent']: its last report is missing
 */
export function outstanding(call: Call): readonly Missing[] {
  const { room, agents, legs } = call;
  const isInRoom = room?.sid !== undefined || room?.startedAt !== undefined;
  const areAgentsDone =
    agents.length > 0
      ? agents.every((agent) => agent.endedAt !== undefined)
      : legs.every((leg) => leg.answeredAt === undefined);
  const isIngressDone = legs.every((leg) => leg.reportedEnd || !isOfOurIngress(call, leg));
  return [
    ...(areAgentsDone ? [] : (['agent'] as const)),
    ...(isIngressDone ? [] : (['ingress'] as const)),
    ...(isInRoom && room.finishedAt === undefined ? (['room'] as const) : []),
  ];
}

/**
 * Whether nobody has said that a call's end is one: a SIP dialog that was hung up or refused does not
 * come back, a caller whose connection was lost may, also into another room.
 */
export function mayComeBack({ legs, ending }: Call): boolean {
  if (legs.every((leg) => leg.reportedEnd)) return false;
  const reason = ending?.reason ?? 'unknown';
  return reason === 'unknown' || reason === 'service_lost';
}

/** The final record. It says who was given up. */
export function sealed(call: Call, sealedAt: string): Call {
  const missing = outstanding(call);
  return { ...call, sealedAt, ...(missing.length > 0 && { missing }) };
}
