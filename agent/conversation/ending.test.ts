import { DisconnectReason } from '@livekit/rtc-node';
import { expect, test, vi } from 'vitest';
import { fromCallerLeft, fromFailure, fromRoomDisconnect } from './ending.ts';

test.each([
  // reason, sip.callStatus when leaving, who, why
  [DisconnectReason.CLIENT_INITIATED, 'hangup', 'caller', 'caller_hangup'],
  [DisconnectReason.CLIENT_INITIATED, 'active', 'carrier', 'media_timeout'],
  [DisconnectReason.CLIENT_INITIATED, 'ringing', 'caller', 'cancelled'],
  [DisconnectReason.CLIENT_INITIATED, undefined, 'caller', 'caller_hangup'],
  [DisconnectReason.USER_REJECTED, 'dialing', 'caller', 'rejected'],
  [DisconnectReason.USER_UNAVAILABLE, 'dialing', 'carrier', 'no_answer'],
  [DisconnectReason.SIP_TRUNK_FAILURE, 'dialing', 'carrier', 'trunk_failure'],
  [DisconnectReason.ROOM_DELETED, 'active', 'operator', 'room_deleted'],
  [DisconnectReason.PARTICIPANT_REMOVED, 'active', 'operator', 'operator_hangup'],
  [DisconnectReason.CONNECTION_TIMEOUT, 'active', 'system', 'service_lost'],
  [DisconnectReason.SIGNAL_CLOSE, 'active', 'system', 'service_lost'],
  [undefined, 'hangup', 'caller', 'caller_hangup'],
] as const)('the caller left with %s while %s', (reason, status, endedBy, endReason) => {
  expect(fromCallerLeft(reason, status)).toMatchObject({ endedBy, endReason });
});

test.each([
  [DisconnectReason.ROOM_DELETED, 'operator', 'room_deleted'],
  [DisconnectReason.PARTICIPANT_REMOVED, 'system', 'agent_lost'],
  [DisconnectReason.SERVER_SHUTDOWN, 'system', 'service_lost'],
  [DisconnectReason.UNKNOWN_REASON, 'system', 'service_lost'],
] as const)('the room disconnected the agent: %s', (reason, endedBy, endReason) => {
  expect(fromRoomDisconnect(reason)).toMatchObject({ endedBy, endReason });
});

test('a job that cannot go on says why, and tells a caller who is there', async () => {
  const signal = AbortSignal.timeout(0);
  await vi.waitFor(() => expect(signal.aborted).toBe(true));
  const broken = new Error('broken');
  expect(fromFailure(signal.reason as Error, true).endReason).toBe('no_answer');
  expect(fromFailure(broken, false).endReason).toBe('service_lost');
  expect(fromFailure(broken, true)).toMatchObject({ endReason: 'unknown', farewell: 'trouble' });
});
