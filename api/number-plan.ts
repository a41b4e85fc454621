import type { NumberRules } from '../ledger/privacy/erased-numbers.ts';
import type { Config } from '../config/config.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';

/** How the trunk writes numbers, and where it puts the one that was dialled. */
export function numberPlan({
  lines,
  numbering: { calledNumberAttribute, country },
}: Pick<Config, 'lines' | 'numbering'>): NumberPlan {
  return { lines, calledNumberAttribute, country };
}

/** How numbers that were erased are known again. */
export function numberRules({
  livekit,
  numbering,
}: Pick<Config, 'livekit' | 'numbering'>): NumberRules {
  return { country: numbering.country, secret: livekit.apiSecret };
}
