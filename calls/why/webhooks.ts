import { count } from './facts.ts';
import type { Rule } from './rule.ts';

/** Nothing is wrong with the call; but LiveKit's webhooks did not come. */
export const webhooks: Rule = ({ room }, events) => {
  const inferred = events.filter((event) => event.inferred === true);
  if (room?.sid === undefined || inferred.length === 0) return undefined;
  if (events.some(({ source }) => source === 'webhook')) return undefined;
  return {
    cause: 'webhooks_lost',
    layer: 'livekit',
    sentence: "None of LiveKit's webhooks about this call came; what was missing was asked for.",
    evidence: [{ text: `${count(inferred.length, 'event')} of its timeline are inferred.` }],
    nextSteps: [
      "LiveKit's webhook address must be the call service's /webhooks/livekit, with the same API key.",
    ],
  };
};
