import { expect, test } from 'vitest';
import { fold } from '../calls/fold.ts';
import { PLAN } from '../webhooks/in/fixtures/histories.ts';
import { fromLiveKit } from './from-livekit.ts';
import { LiveKitWebhook } from './livekit-webhook.ts';

const NOW = new Date('2026-11-20T10:00:00.500Z');
const seconds = (offset: number) => String(Math.floor(NOW.getTime() / 1000) + offset);
const milliseconds = (offset: number) => String(NOW.getTime() + offset);

const attributes = { 'sip.callID': 'SCL_1', 'sip.ruleID': 'SDR_1', 'sip.callStatus': 'ringing' };
function joined(createdAt: string, joinedAtMs: string) {
  const webhook = {
    event: 'participant_joined',
    id: 'EV_1',
    createdAt,
    room: { sid: 'RM_1', name: 'call-1' },
    participant: { sid: 'PA_1', identity: 'sip_1', kind: 'SIP', joinedAtMs, attributes },
  };
  return fromLiveKit(LiveKitWebhook.parse(webhook), NOW, PLAN);
}

test('what happened is dated by LiveKit where its clock may be right', () => {
  expect(joined(seconds(0), milliseconds(-200)).at).toBe('2026-11-20T10:00:00.300Z');
  expect(joined(seconds(-9), milliseconds(-9_700)).at).toBe('2026-11-20T09:59:50.800Z');
  // Clocks differ by seconds.
  expect(joined(seconds(3), milliseconds(3_000)).at).toBe('2026-11-20T10:00:03.500Z');
});

test.each([
  ['no date at all', '99999999999999', '9999999999999999'],
  ['thousands of years ahead', '99999999999', '99999999999999'],
  ['beyond RFC 3339', '8640000000000', '8639999999999999'],
  ['an hour ahead', seconds(3_600), milliseconds(3_600_000)],
  ['1970', '1', '1'],
  ['no time', '0', '0'],
])('a clock that cannot be right is not believed: %s', (_what, createdAt, joinedAtMs) => {
  const event = joined(createdAt, joinedAtMs);
  expect(event.at).toBe(NOW.toISOString());
  expect(event.data).not.toHaveProperty('joinedAt');
  expect(fold('call_1', [event])).toMatchObject({ startedAt: NOW.toISOString() });

  const webhook = { event: 'room_started', id: 'EV_2', createdAt };
  const room = { sid: 'RM_1', name: 'call-1', creationTimeMs: joinedAtMs };
  const started = fromLiveKit(LiveKitWebhook.parse({ ...webhook, room }), NOW, PLAN);
  expect(started).toMatchObject({
    at: NOW.toISOString(),
    data: { startedAt: NOW.toISOString() },
  });
});

test('a status is of when it was seen, not of when the participant came', () => {
  const participant = {
    sid: 'PA_1',
    kind: 'SIP',
    joinedAtMs: milliseconds(-20_000),
    attributes: { ...attributes, 'sip.callStatus': 'active' },
  };
  const webhook = { event: 'participant_joined', id: 'EV_1', createdAt: seconds(0), participant };
  const event = fromLiveKit(LiveKitWebhook.parse(webhook), NOW, PLAN);
  expect(event.at).toBe('2026-11-20T09:59:40.500Z');
  expect(fold('call_1', [event])).toMatchObject({ answeredAt: NOW.toISOString() });
});
