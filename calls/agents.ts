import type { AgentJob, Call } from './call.ts';
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
