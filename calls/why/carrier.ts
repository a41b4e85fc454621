import { after, last, lasted, says } from './facts.ts';
import type { Rule, Why } from './rule.ts';

/** A call that we made, or its trunk, came to nothing. */
export const trunk: Rule = ({ ending, direction }, events) => {
  if (ending?.reason !== 'trunk_failure') return undefined;
  const { sipCode } = ending;
  const failed = last(events, 'dial.failed');
  const isPassword = sipCode === 401 || sipCode === 407;
  return {
    cause: isPassword ? 'trunk_password' : 'trunk_failure',
    layer: 'carrier',
    sentence: isPassword
      ? `The trunk did not take our name and password (${sipCode}).`
      : `The trunk failed${sipCode === undefined ? '' : ` (${sipCode})`}${
          direction === 'outbound' ? ': nobody was called' : ''
        }.`,
    evidence: failed ? [says(failed, failed.data.detail ?? 'It could not be dialled.')] : [],
    nextSteps: [
      isPassword
        ? "Compare the outbound trunk's auth_username and auth_password with the provider's."
        : 'See whether the trunk still exists (`lk sip outbound list`) and its address answers.',
    ],
  };
};

const ANSWERS: Readonly<Record<string, Pick<Why, 'cause' | 'sentence'>>> = {
  busy: { cause: 'far_end_busy', sentence: 'The line that was called was busy' },
  no_answer: { cause: 'no_answer', sentence: 'Nobody answered' },
  rejected: { cause: 'rejected', sentence: 'The call was refused' },
};

/** What the far end answered, and a transfer that came to nothing. */
export const carrier: Rule = (call, events) => {
  const { ending } = call;
  const answer = ANSWERS[ending?.reason ?? ''];
  if (answer !== undefined) {
    const byUs = ending?.by === 'system';
    const code = ending?.sipCode === undefined ? '' : ` (${ending.sipCode})`;
    return {
      ...answer,
      layer: byUs ? 'agent' : 'carrier',
      sentence: `${answer.sentence}${code}${after(lasted(call))}.`,
      evidence: [{ text: `Said by ${ending?.by ?? 'nobody'}.` }],
      nextSteps: byUs
        ? ['Calls that match no trunk are refused where the dispatch rule names none: name it.']
        : [],
    };
  }
  const refused = last(events, 'transfer.failed');
  if (refused === undefined || last(events, 'transfer.completed')) return undefined;
  const { sipCode, detail } = refused.data;
  return {
    cause: sipCode === 408 || sipCode === 480 ? 'transfer_unanswered' : 'transfer_refused',
    layer: 'carrier',
    sentence: `The caller was to be transferred, which failed${sipCode === undefined ? '' : ` (${sipCode})`}; the call went on without.`,
    evidence: [says(refused, detail ?? 'The REFER was not taken.')],
    nextSteps: ['Ask the provider whether the trunk takes REFER, and whether the number is right.'],
  };
};
