/**
 * Why a call went as it went, from its record and its events alone: what a person reads first.
 * Rules and no model; each is a small file beside this one.
 */
import type { Call } from '../call.ts';
import { isFinal } from '../call.ts';
import type { CallEvent } from '../events.ts';
import { agentLost, noAgent, noRoom } from './agent.ts';
import { carrier, trunk } from './carrier.ts';
import { ended } from './ended.ts';
import { audio, greeting } from './audio.ts';
import { provider } from './provider.ts';
import { silence } from './silence.ts';
import type { Rule, Why } from './rule.ts';
import { slow } from './slow.ts';
import { troubled } from './troubled.ts';
import { webhooks } from './webhooks.ts';

/** The first that knows is believed: what broke stands before what followed from it. */
const RULES: readonly Rule[] = [
  provider,
  agentLost,
  noRoom,
  noAgent,
  trunk,
  audio,
  greeting,
  troubled,
  slow,
  silence,
  carrier,
  webhooks,
  ended,
];

/**
 * Undefined while the call goes on.
 *
 * @example
 * whyOf(call, events)?.sentence; // 'No agent came: the caller was released after 9 s.'
 */
export function whyOf(call: Call, events: readonly CallEvent[]): Why | undefined {
  if (!isFinal(call.state)) return undefined;
  const inOrder = events.toSorted((a, b) => (a.at < b.at ? -1 : 1));
  for (const rule of RULES) {
    const why = rule(call, inOrder);
    if (why !== undefined) return why;
  }
  return {
    cause: 'unknown',
    layer: 'none',
    sentence: 'Nobody said why the call ended.',
    evidence: [{ text: `The record ends with "${call.ending?.reason ?? 'unknown'}".` }],
    nextSteps: ['Look at the timeline, and at the logs of that time.'],
  };
}
