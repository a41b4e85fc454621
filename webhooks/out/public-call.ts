import type { AgentJob, Call, Leg } from '../../calls/call.ts';
import { isFinal } from '../../calls/call.ts';

/** The record as consumers see it, by REST, SSE and webhooks alike. */
export function publicCall(call: Call) {
  return {
    ...publicSummary(call),
    sealedAt: call.sealedAt,
    missing: call.missing && [...call.missing],
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

function publicLeg(leg: Leg) {
  const { sipCallId, sipCallIdFull, direction, trunk, rule, from, to, media } = leg;
  const { answeredAt, endedAt, sipCode, held, codec } = leg;
  return {
    sipCallId,
    sipCallIdFull,
    participantSids: leg.stays.map(({ participantSid }) => participantSid),
    direction,
    trunk,
    rule,
    from,
    to,
    answeredAt,
    endedAt,
    sipCode,
    held,
    codec,
    media: media && { ...media },
  };
}

function publicAgent(agent: AgentJob) {
  const { jobId, workerId, name, profile, profileVersion, pipeline } = agent;
  const { startedAt, firstAudioAt, endedAt } = agent;
  return {
    jobId,
    workerId,
    name,
    profile,
    profileVersion,
    pipeline,
    startedAt,
    firstAudioAt,
    endedAt,
  };
}

/** As they were spoken. */
export function publicTurns({ turns }: Pick<Call, 'turns'>) {
  return turns
    .toSorted((a, b) => ((a.startedAt ?? a.at) < (b.startedAt ?? b.at) ? -1 : 1))
    .map(publicTurn);
}

export function publicTurn({ job: _ours, ...turn }: Call['turns'][number]) {
  return turn;
}
