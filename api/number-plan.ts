import type { NumberRules } from '../ledger/privacy/erased-numbers.ts';
import type { Config } from '../config/config.ts';
import type { NumberPlan } from '../livekit/from-livekit.ts';

/** How the trunk writes numbers, and where it puts the one that was dialled. */
export function numberPlan({ lines, sip: { trunk } }: Pick<Config, 'lines' | 'sip'>): NumberPlan {
  const { calledNumberAttribute, country } = trunk;
  return { lines, calledNumberAttribute, country };
}

/** How numbers that were erased are known again. */
export function numberRules({ livekit, sip }: Pick<Config, 'livekit' | 'sip'>): NumberRules {
  return { country: sip.trunk.country, secret: livekit.apiSecret };
}
