import { expect, test } from 'vitest';
import type { CallEvent } from '../calls/events.ts';
import { fold } from '../calls/fold.ts';

/** The call service is away from second 0 on and back at 90; the worker's reports have waited. */
const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, seconds)).toISOString();
const room = { roomSid: 'RM_1', roomName: 'call-1' };
const job = { ...room, jobId: 'AJ_1' };
const leg = { ...room, sipCallId: 'SCL_1', participantSid: 'PA_1' };

let ids = 0;
function tell(seconds: number, source: CallEvent['source'], about: object, body: object) {
  ids += 1;
  const inferred = source === 'reconciler' ? { inferred: true } : {};
  const base = { id: `E${ids}`, source, at: at(seconds), correlation: about };
  return { ...base, ...inferred, ...body } as CallEvent;
}

const sip = (status: 'ringing' | 'active') => ({
  kind: 'sip',
  identity: 'sip_1',
  joinedAt: at(1),
  sip: { direction: 'inbound', ingress: 'livekit-sip', status },
});
const joined = tell(1, 'webhook', leg, { type: 'participant.joined', data: sip('ringing') });
const found = tell(90, 'reconciler', leg, { type: 'participant.joined', data: sip('active') });
const audio = tell(3, 'worker', job, { type: 'agent.first_audio', data: {} });
const lost = tell(90, 'reconciler', leg, { type: 'call.lost', data: {} });
const left = tell(90, 'reconciler', leg, {
  type: 'participant.left',
  data: { kind: 'sip', identity: '', reason: 'other' },
});
const agentEnded = (endReason: string) =>
  tell(30, 'worker', job, { type: 'agent.ended', data: { endedBy: 'caller', endReason } });

test('who is found to be on the line was answered when the agent was first heard', () => {
  const call = fold('call_1', [found, audio]);
  expect(call).toMatchObject({ answeredAt: at(3), inProgressAt: at(3), state: 'in_progress' });
  expect(call?.legs[0]?.answerInferred).toBe(true);
});

test.each([lost, left])('what is found to be over ended when its agent says: $type', (gone) => {
  const events = [joined, audio, gone, agentEnded('caller_hangup')];
  expect(fold('call_1', events)).toMatchObject({ endedAt: at(30), legs: [{ endedAt: at(30) }] });
});

test('a caller whose agent died may have waited for another one', () => {
  const events = [joined, audio, agentEnded('agent_lost'), lost];
  expect(fold('call_1', events)).toMatchObject({ endedAt: at(90) });
});

test('nobody who came after the agent left with it', () => {
  const late = tell(40, 'webhook', leg, {
    type: 'participant.joined',
    data: { ...sip('ringing'), joinedAt: at(40) },
  });
  expect(fold('call_1', [audio, agentEnded('idle'), late, lost])).toMatchObject({
    endedAt: at(90),
  });
});
