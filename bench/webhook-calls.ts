/** Webhooks as livekit-server sends them for a call of two parties, one after the other. */

export interface BenchWebhook {
  readonly id: string;
  readonly body: string;
}

export const WEBHOOKS_PER_CALL = 10;

/** @param number of the call; ids follow from it */
export function webhooksOfCall(number: number, now: number): BenchWebhook[] {
  const room = { sid: `RM_${number}`, name: `call-${number}`, creationTimeMs: String(now) };
  const caller = {
    sid: `PA_caller${number}`,
    identity: `sip_+1202555${number}`,
    kind: 'SIP',
    joinedAtMs: String(now),
    attributes: {
      'sip.callID': `SCL_${number}`,
      'sip.callIDFull': `${number}@bench.example`,
      'sip.callStatus': 'ringing',
      'sip.phoneNumber': `+1202555${String(number % 10_000).padStart(4, '0')}`,
      'sip.ruleID': 'SDR_1',
      'sip.trunkID': 'ST_1',
      'sip.trunkPhoneNumber': '+12025550100',
    },
  };
  const agent = {
    sid: `PA_agent${number}`,
    identity: `agent-AJ_${number}`,
    kind: 'AGENT',
    joinedAtMs: String(now),
  };
  const hungUp = {
    ...caller,
    attributes: { ...caller.attributes, 'sip.callStatus': 'hangup' },
    disconnectReason: 'CLIENT_INITIATED',
  };
  const track = (owner: string) => ({ sid: `TR_${owner}${number}`, name: 'audio' });
  const events = [
    { event: 'room_started' },
    { event: 'participant_joined', participant: caller },
    { event: 'participant_joined', participant: agent },
    { event: 'track_published', participant: brief(agent), track: track('agent') },
    { event: 'track_published', participant: brief(caller), track: track('caller') },
    { event: 'track_unpublished', participant: brief(caller), track: track('caller') },
    { event: 'participant_left', participant: hungUp },
    { event: 'track_unpublished', participant: brief(agent), track: track('agent') },
    {
      event: 'participant_left',
      participant: { ...agent, disconnectReason: 'CLIENT_INITIATED' },
    },
    { event: 'room_finished' },
  ];
  return events.map((event, index) => {
    const id = `EV_${number}_${index}`;
    const createdAt = String(Math.floor(now / 1000));
    return { id, body: JSON.stringify({ ...event, room, id, createdAt }) };
  });
}

/** Who owns a track is told with no more than this. */
function brief({ sid, identity }: { sid: string; identity: string }) {
  return { sid, identity };
}
