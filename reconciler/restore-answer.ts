import type { Logger } from 'pino';
import type { Call, Leg } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import { GREETED } from '../calls/greeted.ts';
import type { Ledger, Recorded } from '../ledger/ledger.ts';
import { findLeg, lastStay } from '../calls/legs.ts';
import type { LiveKitActions, LiveKitRooms } from '../livekit/livekit-api.ts';

export interface RestoreDeps {
  readonly ledger: Pick<Ledger, 'call'>;
  readonly livekit: Pick<LiveKitRooms & LiveKitActions, 'participants' | 'setAttributes'>;
  readonly log: Pick<Logger, 'warn'>;
}

/**
 * livekit-sip that has lost LiveKit (a node died) comes back as it first came: ringing, although it
 * has answered long ago, and agents would wait for ever. The record knows better, and says so in
 * the caller's attributes, while they are those of the one who came back. Never rejects.
 */
export async function restoreAnswers(
  { ledger, livekit, log }: RestoreDeps,
  events: readonly CallEvent[],
  recorded: readonly Recorded[],
): Promise<void> {
  for (const [index, { callId, outcome }] of recorded.entries()) {
    const event = events[index];
    if (event === undefined || callId === undefined || outcome === 'late') continue;
    const { roomName } = event.correlation;
    if (!seemsUnanswered(event) || roomName === undefined) continue;
    try {
      const call = await ledger.call(callId);
      const leg = call && findLeg(call, event.correlation);
      if (!call || !leg || !isBack(leg, event)) continue;
      if (!(await stillSeemsUnanswered(livekit, roomName, event))) continue;
      await livekit.setAttributes(roomName, event.data.identity, attributesOf(call));
    } catch (error) {
      log.warn({ err: error, callId }, 'the caller still seems to ring');
    }
  }
}

type Join = CallEvent & { type: 'participant.joined' };

function seemsUnanswered(event: CallEvent): event is Join {
  return (
    event.type === 'participant.joined' &&
    event.data.kind === 'sip' &&
    isUnanswered(event.data.sip?.status)
  );
}

function isUnanswered(status: string | undefined): boolean {
  return status === 'ringing' || status === 'dialing';
}

/** They may have hung up, or come once more, since the event was told. */
async function stillSeemsUnanswered(
  livekit: RestoreDeps['livekit'],
  roomName: string,
  { correlation, data }: Join,
): Promise<boolean> {
  const people = await livekit.participants(roomName);
  return people.some(
    ({ sid, identity, attributes }) =>
      sid === correlation.participantSid &&
      identity === data.identity &&
      isUnanswered(attributes?.['sip.callStatus']),
  );
}

function isBack(leg: Leg, { correlation }: CallEvent): boolean {
  const isLast = lastStay(leg)?.participantSid === correlation.participantSid;
  return isLast && leg.stays.length > 1 && leg.answeredAt !== undefined;
}

function attributesOf({ agents }: Call): Record<string, string> {
  const heard = agents.findLast(({ firstAudioAt }) => firstAudioAt !== undefined);
  return { 'sip.callStatus': 'active', ...(heard && { [GREETED]: heard.key }) };
}
