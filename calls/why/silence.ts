import type { CallTurn } from '../call.ts';
import { secondsBetween } from './facts.ts';
import type { Rule } from './rule.ts';

/** A person waits so long for a reply before they hang up because of it, s. */
const LONG_WAIT = 4;
/** Neither speaks for so long, s. */
const LONG_SILENCE = 10;

/** The caller hung up in a silence: whose it was. */
export const silence: Rule = ({ ending, turns, endedAt, missing }) => {
  if (ending?.reason !== 'caller_hangup' || missing?.length) return undefined;
  const inOrder = turns.toSorted((a, b) => (endOf(a) < endOf(b) ? -1 : 1));
  const spoke = inOrder.at(-1);
  const silent = secondsBetween(spoke && endOf(spoke), endedAt);
  if (spoke === undefined || silent === undefined) return undefined;
  if (spoke.who === 'caller' && silent >= LONG_WAIT) {
    return {
      cause: 'agent_silent',
      layer: 'agent',
      sentence: `The caller waited ${silent} s for a reply and hung up.`,
      evidence: [{ text: "The last turn is the caller's, and nothing was heard after it." }],
      nextSteps: ['See the time of each stage in the turns before, and errors on the timeline.'],
    };
  }
  if (spoke.who !== 'agent' || silent < LONG_SILENCE) return undefined;
  return {
    cause: 'caller_silent',
    layer: 'caller',
    sentence: `The caller said nothing for ${silent} s after the agent's last words, and hung up.`,
    evidence: [{ text: "The last turn is the agent's." }],
    nextSteps: ['If they did speak: listen whether their audio came, and what was recognised.'],
  };
};

function endOf({ endedAt, at }: CallTurn): string {
  return endedAt ?? at;
}
