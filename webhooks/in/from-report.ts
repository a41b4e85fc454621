import type { CallEvent } from '../../calls/events.ts';
import { plausibleTime } from '../../calls/plausible-time.ts';
import type { Report, Turn } from '../../calls/reports.ts';
import type { NumberPlan } from '../../livekit/from-livekit.ts';
import { participantData } from '../../livekit/from-livekit.ts';

/** Our event for what a worker or an ingress reports. */
export function fromReport(report: Report, receivedAt: Date, plan: NumberPlan): CallEvent {
  const { id, source, at: told, call, ...body } = report;
  const at = plausibleTime(Date.parse(told), receivedAt) ?? receivedAt.toISOString();
  const base = { id, source, at, correlation: call } as const;
  switch (body.type) {
    case 'caller.met': {
      const data = participantData({ kind: 'SIP', ...body.data }, plan, at);
      return { ...base, at: data.joinedAt ?? at, type: 'participant.joined', data };
    }
    case 'turn':
      return { ...base, type: 'turn', data: withPlausibleTimes(body.data, receivedAt) };
    default:
      return { ...base, ...body };
  }
}

function withPlausibleTimes({ startedAt, endedAt, ...turn }: Turn, receivedAt: Date): Turn {
  const started = plausibleTime(Date.parse(startedAt ?? ''), receivedAt);
  const ended = plausibleTime(Date.parse(endedAt ?? ''), receivedAt);
  return { ...turn, ...(started && { startedAt: started }), ...(ended && { endedAt: ended }) };
}
