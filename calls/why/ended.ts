import type { EndReason } from '../reports.ts';
import { after, count, lasted } from './facts.ts';
import type { Rule, Why } from './rule.ts';

type Plain = Pick<Why, 'layer' | 'sentence'>;

/** Ends with nothing wrong, and limits that were reached. */
const PLAIN: Partial<Readonly<Record<EndReason, Plain>>> = {
  caller_hangup: { layer: 'caller', sentence: 'The person on the line hung up' },
  cancelled: { layer: 'caller', sentence: 'It was hung up before anybody answered' },
  agent_hangup: { layer: 'agent', sentence: 'The agent ended the conversation' },
  operator_hangup: { layer: 'operator', sentence: 'An operator hung up' },
  transferred: { layer: 'operator', sentence: 'The caller was handed over' },
  voicemail: { layer: 'caller', sentence: 'A machine answered' },
  idle: { layer: 'caller', sentence: "Neither spoke for as long as the line's idleSeconds" },
  max_duration: { layer: 'agent', sentence: "The call reached the line's maxDurationSeconds" },
  service_lost: { layer: 'livekit', sentence: 'The process that held the telephone line died' },
  room_deleted: { layer: 'livekit', sentence: 'Somebody removed the room or the caller' },
};
const STEPS: Partial<Readonly<Record<EndReason, string>>> = {
  idle: 'If callers need longer, raise idleSeconds of the line.',
  max_duration: 'If calls may be longer, raise maxDurationSeconds of the line.',
  service_lost:
    "Look why the SIP endpoint or livekit-sip ended: its supervisor's log of that time.",
  room_deleted: 'See who uses the LiveKit API key: `lk room delete`, another program.',
};

export const ended: Rule = (call) => {
  const reason = call.ending?.reason;
  const plain = reason && PLAIN[reason];
  if (reason === undefined || plain === undefined) return undefined;
  const said = call.turns.length;
  const step = STEPS[reason];
  return {
    cause: reason,
    layer: plain.layer,
    sentence: `${plain.sentence}${after(lasted(call))}${said > 0 ? ` and ${count(said, 'turn')}` : ''}.`,
    evidence: [],
    nextSteps: step === undefined ? [] : [step],
  };
};
