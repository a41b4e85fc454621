import type { AgentJob, Call, Leg } from './call.ts';
import { isFinal } from './call.ts';

/** The record as consumers see it, by REST, SSE and webhooks alike. */
export function publicCall(call: Call) {
  return {
    ...publicSummary(call),
    sealedAt: call.sealedAt,
    legs: call.legs.map(publicLeg),
    agent: call.agents.map(publicAgent).at(-1),
    turns: publicTurns(call),
    usage: call.usage.flatMap(({ models }) => models),
  };
}

/** What identifies a call and where it stands. */
export function publicSummary(call: Call) {
  const { id, direction, ingress, state, line, from, to, ending, room } = call;
  const { startedAt, answeredAt, inProgressAt, endedAt } = call;
  return {
    id,
    direction,
    ingress,
    state,
    line,
    from,
    to,
    startedAt,
    answeredAt,
    inProgressAt,
    endedAt,
    ...(isFinal(state) && {
      endedBy: ending?.by ?? ('system' as const),
      endReason: ending?.reason ?? ('unknown' as const),
      sipCode: ending?.sipCode,
    }),
    room: room && { name: room.name, sid: room.sid },
  };
}

function publicLeg({ stays, key: _ours, invitedAt: _its, reportedEnd: _own, ...leg }: Leg) {
  const { answerInferred: _how, ...shown } = leg;
  return { ...shown, participantSids: stays.map(({ participantSid }) => participantSid) };
}

function publicAgent({ key: _ours, ...agent }: AgentJob) {
  return agent;
}

/** As they were spoken. */
export function publicTurns({ turns }: Call) {
  return turns.toSorted((a, b) => ((a.startedAt ?? a.at) < (b.startedAt ?? b.at) ? -1 : 1));
}
