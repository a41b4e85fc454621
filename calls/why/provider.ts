import type { CallEvent } from '../events.ts';
import { says } from './facts.ts';
import type { Rule } from './rule.ts';

type ProviderError = Extract<CallEvent, { type: 'agent.error' }>;

const NAMES = {
  stt: 'speech recogniser',
  llm: 'language model',
  tts: 'voice',
  realtime: 'realtime model',
  room: 'room',
  tool: 'tool',
  session: 'conversation',
} as const;
const LAYER = { stt: 'stt', llm: 'llm', tts: 'tts' } as const;

const NO_PROVIDERS: readonly string[] = ['session', 'room'];

/** What the agent says of a reply that nobody heard (agent/speech/patience.ts). */
const DEAF = 'no word was recognised';

/** A provider failed for good, and the agent said so and hung up. */
export const provider: Rule = ({ ending }, events) => {
  if (ending?.reason !== 'provider_failure') return undefined;
  const errors = events.filter(({ type }) => type === 'agent.error') as ProviderError[];
  const final = errors.at(-1);
  const isDeaf = final?.data.message.includes(DEAF) ?? false;
  const ofProvider = errors.findLast(({ data }) => !NO_PROVIDERS.includes(data.component));
  const told = isDeaf ? final : (ofProvider ?? final);
  const component = isDeaf ? 'stt' : (told?.data.component ?? 'session');
  const refused = /\b(401|402|403|429)\b/.exec(told?.data.message ?? '')?.[1];
  const how = isDeaf ? 'deaf' : refused === undefined ? 'failed' : 'refused';
  return {
    cause: component === 'session' ? 'no_reply' : `${component}_${how}`,
    layer: component in LAYER ? LAYER[component as keyof typeof LAYER] : 'agent',
    sentence: isDeaf
      ? 'The caller spoke and the speech recogniser understood no word of it; the agent apologised.'
      : `The ${NAMES[component]} ${refused === undefined ? 'failed' : `refused us (${refused})`}; the agent apologised and hung up.`,
    evidence: told ? [says(told, told.data.message)] : [],
    nextSteps: [
      refused === undefined
        ? "See the provider's status page, and whether its address is reached from the worker."
        : refused === '429'
          ? "Raise the provider's limit, or take fewer calls at once."
          : "Put the provider's key right: it is refused, or its account has no credit.",
    ],
  };
};
