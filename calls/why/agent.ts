import { after, lasted, last, says, secondsBetween } from './facts.ts';
import type { Rule } from './rule.ts';

/** The agent's process, or its connection, went away under the caller. */
export const agentLost: Rule = (call, events) => {
  if (call.ending?.reason !== 'agent_lost') return undefined;
  const released = last(events, 'rescue.released');
  const told = last(events, 'agent.ended') ?? last(events, 'rescue.removed');
  return {
    cause: 'agent_died',
    layer: 'agent',
    sentence:
      `The agent was gone${after(secondsBetween(call.inProgressAt, told?.at ?? call.endedAt))} of ` +
      `conversation, and no other could take over${released ? ': the caller was released' : ''}.`,
    evidence: [
      ...(told
        ? [says(told, 'The agent did not end the call: its process or connection did.')]
        : []),
      ...(released ? [says(released, 'Nobody else came in time.')] : []),
    ],
    nextSteps: [
      "Look in the worker's log of that time for a host that is gone, and why (memory, a crash).",
      'A second worker takes over calls of the first.',
    ],
  };
};

/** All places were taken: the caller heard busy. */
export const noRoom: Rule = ({ ending, direction }) => {
  if (ending?.reason !== 'busy' || direction !== 'inbound') return undefined;
  return {
    cause: 'all_workers_full',
    layer: 'agent',
    sentence: 'The caller heard busy: every place for a call was taken.',
    evidence: [{ text: `The INVITE was answered with ${ending.sipCode ?? 'busy'}.` }],
    nextSteps: ['Raise TRUNKLINE_MAX_CALLS if there is CPU to spare, or add a worker.'],
  };
};

/** Nobody was sent, or nobody came. */
export const noAgent: Rule = (call, events) => {
  if (call.ending?.reason !== 'no_agent') return undefined;
  const sent = events.filter(({ type }) => type === 'rescue.dispatched').length;
  const came = call.agents.length > 0;
  const [first] = call.agents;
  return {
    cause: came ? 'agent_unheard' : 'no_worker',
    layer: 'agent',
    sentence: came
      ? `An agent came and was never heard; the caller was released${after(lasted(call))}.`
      : `No agent came; the caller was released${after(lasted(call))}.`,
    evidence: [
      { text: came ? `Job ${first?.jobId ?? first?.key} had begun.` : 'No job was ever begun.' },
      ...(sent > 0
        ? [{ text: `It was sent for again ${sent === 1 ? 'once' : `${sent} times`}.` }]
        : []),
    ],
    nextSteps: came
      ? ["Look in the worker's log of that time."]
      : [
          'See whether a worker is registered: `/readyz` of its health port, 8081, and its log\'s "registered with LiveKit".',
          'Its TRUNKLINE_AGENT_NAME must be the name in the dispatch rule.',
          'A worker that is full refuses jobs: its log says so.',
        ],
  };
};
