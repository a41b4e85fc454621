import type { CallEvent } from '../events.ts';
import { count, says } from './facts.ts';
import type { Rule } from './rule.ts';

type ProviderError = Extract<CallEvent, { type: 'agent.error' }>;

const PARTS = {
  stt: 'speech recogniser',
  llm: 'language model',
  tts: 'voice',
} as const;
type Part = keyof typeof PARTS;
/** Once, the caller was asked to repeat, and the call went on. */
const OFTEN = 2;
/** What agent/speech/deepgram-tts.ts says of a voice that stops. */
const STALLED = /no speech/;
const ENDS = ['caller_hangup', 'agent_hangup', 'idle', 'max_duration'];

/** The call went on to its end, and a provider had failed in it again and again. */
export const troubled: Rule = ({ ending }, events) => {
  if (!ENDS.includes(ending?.reason ?? '')) return undefined;
  const errors = events.filter(isFailure);
  const last = errors.at(-1);
  if (last === undefined) return undefined;
  const part = last.data.component as Part;
  const same = errors.filter(({ data }) => data.component === part);
  if (same.length < OFTEN) return undefined;
  const isStalled = STALLED.test(last.data.message);
  return {
    cause: `${part}_${isStalled ? 'stalled' : 'unreliable'}`,
    layer: part,
    sentence: `The ${PARTS[part]} ${isStalled ? 'stalled' : 'failed'} ${same.length} times; the caller heard half replies, or none, and the call ended without it being mended.`,
    evidence: same.slice(-3).map((error) => says(error, error.data.message)),
    nextSteps: [
      `See the provider's status page, and whether the worker's network to it loses packets. ${count(same.length, 'failure')} in one call is no chance.`,
    ],
  };
};

function isFailure(event: CallEvent): event is ProviderError {
  return event.type === 'agent.error' && !event.data.recoverable && event.data.component in PARTS;
}
