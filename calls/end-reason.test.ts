import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CallEvent, LeaveReason, SipData } from './events.ts';
import { fold } from './fold.ts';
import { EndReason } from './reports.ts';

const guide = readFileSync(join(import.meta.dirname, '../docs/call-record.md'), 'utf8');
const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, seconds)).toISOString();
const correlation = { sipCallId: 'SCL_1', participantSid: 'PA_1', roomSid: 'RM_1' };
const job = { roomSid: 'RM_1', jobId: 'AJ_1' };

let ids = 0;
function tell(seconds: number, body: object, about: object = correlation): CallEvent {
  ids += 1;
  const base = { id: `E${ids}`, source: 'webhook', at: at(seconds), correlation: about };
  return { ...base, ...body } as CallEvent;
}

type Status = NonNullable<SipData['status']>;
const sip = (direction: 'inbound' | 'outbound', status: Status) => ({
  kind: 'sip',
  identity: 'sip_1',
  sip: { direction, ingress: 'livekit-sip', status },
});
const joined = tell(0, { type: 'participant.joined', data: sip('inbound', 'ringing') });
const dialled = tell(0, { type: 'participant.joined', data: sip('outbound', 'dialing') });
const left = (reason: LeaveReason, status: Status, direction: 'inbound' | 'outbound' = 'inbound') =>
  tell(20, { type: 'participant.left', data: { ...sip(direction, status), reason } });
const audio = tell(2, { type: 'agent.first_audio', data: {} }, job);
const agentEnded = (endReason: EndReason, endedBy = 'agent') =>
  tell(19, { type: 'agent.ended', data: { endedBy, endReason } }, job);
const removed = left('room_deleted', 'active');

/** What happens, for each reason that there is. */
const HISTORIES: Record<EndReason, readonly CallEvent[]> = {
  caller_hangup: [joined, audio, left('left', 'hangup')],
  cancelled: [joined, left('left', 'hangup')],
  agent_hangup: [joined, audio, agentEnded('agent_hangup'), removed],
  operator_hangup: [joined, audio, tell(18, { type: 'hangup.requested', data: {} }), removed],
  transferred: [joined, audio, agentEnded('transferred'), left('left', 'hangup')],
  no_agent: [joined, left('left', 'ringing')],
  // What webhooks tell of a 486 is a rejection: the answer to our own request says more.
  busy: [
    dialled,
    left('rejected', 'dialing', 'outbound'),
    tell(21, { type: 'dial.failed', data: { endReason: 'busy', sipCode: 486 } }),
  ],
  no_answer: [dialled, left('unavailable', 'dialing', 'outbound')],
  rejected: [dialled, left('rejected', 'dialing', 'outbound')],
  trunk_failure: [dialled, left('trunk_failure', 'dialing', 'outbound')],
  media_timeout: [joined, audio, left('left', 'active')],
  max_duration: [joined, audio, agentEnded('max_duration'), removed],
  idle: [joined, audio, agentEnded('idle'), removed],
  voicemail: [dialled, audio, agentEnded('voicemail'), removed],
  agent_lost: [joined, audio, agentEnded('agent_lost', 'system'), left('left', 'hangup')],
  provider_failure: [joined, audio, agentEnded('provider_failure', 'system'), removed],
  service_lost: [joined, audio, left('connection_lost', 'active')],
  room_deleted: [joined, audio, removed],
  unknown: [joined, audio, tell(40, { type: 'call.lost', data: {} })],
};

test.each(EndReason.options)('%s comes about, and is documented', (reason) => {
  const call = fold('call_1', HISTORIES[reason]);
  expect(call?.ending?.reason).toBe(reason);
  expect(fold('call_1', HISTORIES[reason].toReversed())).toEqual(call);
  expect(guide).toContain(`\`${reason}\``);
});

test('what our agent refuses is rejected, however LiveKit saw it go', () => {
  const refused = tell(
    1,
    { type: 'agent.ended', data: { endedBy: 'system', endReason: 'rejected' } },
    job,
  );
  const ending = { by: 'system', reason: 'rejected' };
  for (const gone of [left('connection_lost', 'ringing'), removed]) {
    expect(fold('call_1', [joined, refused, gone])).toMatchObject({ state: 'failed', ending });
  }
});

test('an answer without a SIP status to our call tells less than the webhook', () => {
  const told = left('unavailable', 'ringing', 'outbound');
  const failed = tell(21, { type: 'dial.failed', data: { endReason: 'trunk_failure' } });
  expect(fold('call_1', [dialled, told, failed])?.ending).toMatchObject({ reason: 'no_answer' });
  expect(fold('call_1', [dialled, failed])?.ending).toMatchObject({ reason: 'trunk_failure' });
});

test('a room that is deleted after livekit-sip gave the caller up tells of a media timeout', () => {
  const gone = left('room_deleted', 'hangup');
  const ending = { by: 'carrier', reason: 'media_timeout' };
  expect(fold('call_1', [joined, audio, gone])).toMatchObject({ state: 'ended', ending });
  // Both hung up at once.
  expect(fold('call_1', [joined, audio, agentEnded('agent_hangup'), gone])).toMatchObject({
    ending: { by: 'agent', reason: 'agent_hangup' },
  });
});

/** However it is told. */
function endOf(...events: CallEvent[]) {
  const call = fold('call_1', events);
  expect(fold('call_1', events.toReversed())).toEqual(call);
  return [call?.state, call?.ending?.by, call?.ending?.reason];
}

test('a hang-up of somebody who had not been heard for 15 s is one of livekit-sip', () => {
  const silentFor = (callerSilentMs: number, endReason = 'caller_hangup') =>
    tell(21, { type: 'agent.ended', data: { endedBy: 'caller', endReason, callerSilentMs } }, job);
  const hungUp = [joined, audio, left('left', 'hangup')];
  const timedOut = ['ended', 'carrier', 'media_timeout'];
  expect(endOf(...hungUp, silentFor(15_040))).toEqual(timedOut);
  expect(endOf(...hungUp, silentFor(14_960))).toEqual(timedOut);
  expect(endOf(...hungUp, silentFor(9_000))).toEqual(['ended', 'caller', 'caller_hangup']);
  // An ingress of ours has seen the BYE itself.
  const bye = tell(20, {
    type: 'leg.ended',
    data: { endedBy: 'caller', endReason: 'caller_hangup' },
  });
  expect(endOf(...hungUp, bye, silentFor(20_000))).toEqual(['ended', 'caller', 'caller_hangup']);
  // The agent decided itself.
  expect(endOf(joined, audio, removed, silentFor(60_000, 'idle'))).toEqual([
    'ended',
    'caller',
    'idle',
  ]);
});

test('busy says the SIP status that it was', () => {
  expect(fold('call_1', HISTORIES.busy)).toMatchObject({
    state: 'failed',
    ending: { by: 'carrier', reason: 'busy', sipCode: 486 },
    legs: [{ direction: 'outbound', sipCode: 486 }],
  });
});
