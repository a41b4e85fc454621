import type { AgentJob, Call } from './call.ts';
import { withoutCause } from './end-evidence.ts';
import { cameAt, sinceEarliest } from './legs.ts';
import type { Correlation } from './reports.ts';

/**
 * The call with that agent's job changed, or added. A job is known by its id; a participant event
 * that does not tell the job, by the participant.
 *
 * @param participantSid of the agent; a report's `participantSid` is the caller's
 */
export function withAgent(
  call: Call,
  { jobId, workerId }: Correlation,
  participantSid: string | undefined,
  change: Partial<AgentJob>,
): Call {
  const known = findAgent(call, jobId, participantSid);
  const ids = {
    ...(jobId !== undefined && { jobId }),
    ...(workerId !== undefined && { workerId }),
    ...(participantSid !== undefined && { participantSid }),
  };
  if (known !== undefined) {
    const agents = call.agents.map((agent) =>
      agent === known ? { ...agent, ...ids, ...change } : agent,
    );
    return { ...call, agents };
  }
  const key = jobId ?? participantSid;
  if (key === undefined) return call;
  return { ...call, agents: [...call.agents, { key, ...ids, ...change }] };
}

/**
 * As `withAgent`, for what is told of the agent's participant. An agent that reconnects is another
 * participant of the same job; what is told of the one before, however late, changes nothing.
 */
export function withPresence(
  call: Call,
  correlation: Correlation,
  participantSid: string,
  stay: Pick<AgentJob, 'roomSid' | 'joinedAt' | 'leftAt'>,
  agentName: string | undefined,
): Call {
  const known = findAgent(call, correlation.jobId, participantSid);
  // What the agent reports of itself counts more.
  const name = known?.name ?? agentName;
  const change = { ...stay, ...(name !== undefined && { name }) };
  const isOther = known?.participantSid !== undefined && known.participantSid !== participantSid;
  if (!isOther) {
    return withAgent(
      call,
      correlation,
      participantSid,
      sinceEarliest<Partial<AgentJob>>(known ?? {}, change),
    );
  }
  const isOlder = cameAt(stay) < cameAt(known);
  const mayBeOlder = cameAt(stay) === cameAt(known) && stay.leftAt !== undefined;
  if (isOlder || mayBeOlder) return call;
  const { leftAt: _before, ...back } = known;
  const agents = call.agents.map((agent) => (agent === known ? back : agent));
  const ending = known.endedAt === undefined ? withoutCause(call.ending) : call.ending;
  const { ending: _cause, ...rest } = call;
  const returned = { ...rest, agents, ...(ending && { ending }) };
  return withAgent(returned, correlation, participantSid, change);
}

/** In the room, as far as is known. */
export function isThere({ leftAt, endedAt }: AgentJob): boolean {
  return (leftAt ?? endedAt) === undefined;
}

export function findAgent(
  call: Call,
  jobId: string | undefined,
  participantSid: string | undefined,
): AgentJob | undefined {
  return call.agents.find(
    (agent) =>
      (jobId !== undefined && agent.jobId === jobId) ||
      (participantSid !== undefined && agent.participantSid === participantSid),
  );
}
