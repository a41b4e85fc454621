import { ConnectionState, Room, RoomEvent } from '@livekit/rtc-node';
import { AccessToken } from 'livekit-server-sdk';
import type { TestLivekit } from './start-livekit.ts';

/** A caller as an ingress has one in a room, without telephone and without media. */
export interface RoomCaller {
  readonly sipCallId: string;
  readonly from: string;
  /** Whether LiveKit has them, as far as they know. */
  readonly presence: 'here' | 'reconnecting' | 'gone';
  answer(): Promise<void>;
  /** As after a BYE. Twice is fine. */
  hangUp(): Promise<void>;
}

export async function callRoom(
  livekit: Pick<TestLivekit, 'url' | 'apiKey' | 'apiSecret'>,
  number: number,
): Promise<RoomCaller> {
  const from = `+1202555${String(number).padStart(4, '0')}`;
  const sipCallId = `SCL_caller${number}`;
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, {
    identity: `sip_${from}`,
    attributes: {
      'sip.callID': sipCallId,
      'sip.callStatus': 'ringing',
      'sip.phoneNumber': from,
      'sip.ruleID': 'SDR_1',
      'sip.trunkPhoneNumber': '+12025550100',
    },
  });
  token.kind = 'sip';
  token.addGrant({ roomJoin: true, room: `call-${number}`, canUpdateOwnMetadata: true });
  const room = new Room();
  let gone = false;
  room.on(RoomEvent.Disconnected, () => (gone = true));
  await room.connect(livekit.url, await token.toJwt(), { autoSubscribe: false, dynacast: false });
  return {
    sipCallId,
    from,
    get presence() {
      if (gone) return 'gone';
      return room.connectionState === ConnectionState.CONN_CONNECTED ? 'here' : 'reconnecting';
    },
    async answer() {
      await room.localParticipant?.setAttributes({ 'sip.callStatus': 'active' });
    },
    async hangUp() {
      if (gone) return;
      await room.localParticipant?.setAttributes({ 'sip.callStatus': 'hangup' });
      await room.disconnect();
      gone = true;
    },
  };
}
