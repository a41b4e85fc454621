import type { CallEvent } from '../calls/events.ts';
import type { Report } from '../calls/reports.ts';
import type { NumberPlan } from './from-livekit.ts';
import { participantData } from './from-livekit.ts';

/** Our event for what a worker or an ingress reports. */
export function fromReport({ id, source, at, call, ...body }: Report, plan: NumberPlan): CallEvent {
  const base = { id, source, at: new Date(at).toISOString(), correlation: call } as const;
  if (body.type !== 'caller.met') return { ...base, ...body };
  const data = participantData({ kind: 'SIP', ...body.data }, plan);
  return { ...base, at: data.joinedAt ?? base.at, type: 'participant.joined', data };
}
