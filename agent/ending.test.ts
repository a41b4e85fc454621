import { DisconnectReason } from '@livekit/rtc-node';
import { expect, test } from 'vitest';
import { fromCallerLeft, fromRoomDisconnect } from './ending.ts';

test.each([
  // reason, sip.callStatus when leaving, who, why
  [DisconnectReason.CLIENT_INITIATED, 'hangup', 'caller', 'caller_hangup'],
  [DisconnectReason.CLIENT_INITIATED, 'active', 'carrier', 'media_timeout'],
  [DisconnectReason.CLIENT_INITIATED, 'ringing', 'caller', 'cancelled'],
  [DisconnectReason.CLIENT_INITIATED, undefined, 'caller', 'caller_hangup'],
  [DisconnectReason.USER_REJECTED, 'dialing', 'caller', 'rejected'],
  [DisconnectReason.USER_UNAVAILABLE, 'dialing', 'carrier', 'no_answer'],
  [DisconnectReason.SIP_TRUNK_FAILURE, 'dialing', 'carrier', 'trunk_failure'],
  [DisconnectReason.ROOM_DELETED, 'active', 'operator', 'operator_hangup'],
  [undefined, 'hangup', 'caller', 'caller_hangup'],
] as const)('the caller left with %s while %s', (reason, status, endedBy, endReason) => {
  expect(fromCallerLeft(reason, status)).toMatchObject({ endedBy, endReason });
});

test.each([
  [DisconnectReason.ROOM_DELETED, 'operator', 'room_deleted'],
  [DisconnectReason.PARTICIPANT_REMOVED, 'operator', 'room_deleted'],
  [DisconnectReason.SERVER_SHUTDOWN, 'system', 'service_lost'],
  [DisconnectReason.UNKNOWN_REASON, 'system', 'service_lost'],
] as const)('the room disconnected the agent: %s', (reason, endedBy, endReason) => {
  expect(fromRoomDisconnect(reason)).toMatchObject({ endedBy, endReason });
});
