import type { CallTurn } from '../call.ts';
import type { Rule } from './rule.ts';

/** From the end of the caller's words to the first sound of the reply; people leave 0.2 to 0.5 s, ms. */
const SLOW_MS = 2_500;
const ENOUGH = 2;

const STAGES = {
  stt: ["the end of the caller's turn", 'Lower endpointingMs and maxDelayMs of the agent profile.'],
  llm: ['the language model', 'Take a faster model, or shorter instructions.'],
  tts: ['the voice', "See the voice's status page, or take another one."],
} as const;
type Stage = keyof typeof STAGES;

/** The caller hung up on an agent whose replies kept them waiting. */
export const slow: Rule = ({ ending, turns }) => {
  if (ending?.reason !== 'caller_hangup') return undefined;
  const waits = turns.flatMap(({ latency }) => latency?.total ?? []).sort((a, b) => a - b);
  const median = waits[Math.floor(waits.length / 2)];
  if (waits.length < ENOUGH || median === undefined || median < SLOW_MS) return undefined;
  const spent: readonly (readonly [Stage, number])[] = [
    ['stt', sum(turns, 'endpointing')],
    ['llm', sum(turns, 'llmFirstToken')],
    ['tts', sum(turns, 'ttsFirstByte')],
  ];
  const [[stage, ms] = ['llm', 0] as const] = spent.toSorted((a, b) => b[1] - a[1]);
  const [name, step] = STAGES[stage];
  return {
    cause: `${stage}_slow`,
    layer: stage,
    sentence: `Replies were slow: half of them took ${(median / 1000).toFixed(1)} s or longer, most of it ${name}; the caller hung up.`,
    evidence: [
      { text: `${(ms / 1000).toFixed(1)} s of waiting in this call were for ${name}.` },
      { text: `The longest wait was ${((waits.at(-1) ?? 0) / 1000).toFixed(1)} s.` },
    ],
    nextSteps: [step],
  };
};

function sum(
  turns: readonly CallTurn[],
  stage: 'endpointing' | 'llmFirstToken' | 'ttsFirstByte',
): number {
  return turns.reduce((sum, { latency }) => sum + (latency?.[stage] ?? 0), 0);
}
