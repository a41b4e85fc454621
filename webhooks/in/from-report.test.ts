import { expect, test } from 'vitest';
import { fold } from '../../calls/fold.ts';
import { Report } from '../../calls/reports.ts';
import { PLAN } from './fixtures/histories.ts';
import { fromReport } from './from-report.ts';

const call = { roomSid: 'RM_1', roomName: 'call-1', jobId: 'AJ_1', participantSid: 'PA_1' };
const at = '2026-11-20T10:00:02.000Z';

test('a call of which only the agent could tell has its numbers', () => {
  const bodies = [
    {
      type: 'caller.met',
      data: {
        identity: 'sip_+74957852929',
        joinedAtMs: Date.parse(at) - 500,
        attributes: {
          'sip.ruleID': 'SDR_1',
          'sip.trunkID': 'ST_1',
          'sip.phoneNumber': '+74957852929',
          'sip.trunkPhoneNumber': '878725',
          'sip.h.called_did': '73433009243',
          'sip.callStatus': 'ringing',
        },
      },
    },
    { type: 'agent.first_audio', data: {} },
    { type: 'agent.ended', data: { endedBy: 'caller', endReason: 'caller_hangup' } },
  ];
  const events = bodies.map((body, index) =>
    fromReport(
      Report.parse({ id: `01REPORT_${index}`, source: 'worker', at, call, ...body }),
      new Date(at),
      PLAN,
    ),
  );
  expect(fold('call_1', events)).toMatchObject({
    ingress: 'livekit-sip',
    direction: 'inbound',
    from: '+74957852929',
    to: '+73433009243',
    legs: [{ trunk: 'ST_1', answeredAt: at, stays: [{ joinedAt: '2026-11-20T10:00:01.500Z' }] }],
  });
});

const report = (told: string, body: object) =>
  Report.parse({ id: '01REPORT_1', source: 'worker', at: told, call, ...body });

test('an agent that takes over meets a caller who had been answered before, not at their coming', () => {
  const attributes = { 'sip.ruleID': 'SDR_1', 'sip.callStatus': 'active' };
  const joinedAtMs = Date.parse(at) - 30_000;
  const met = { type: 'caller.met', data: { identity: 'sip_1', joinedAtMs, attributes } };
  const event = fromReport(report(at, met), new Date(at), PLAN);
  expect(event.at).toBe('2026-11-20T09:59:32.000Z');
  expect(fold('call_1', [event])).toMatchObject({ answeredAt: at });
});

test.each(['9999-12-31T23:59:59Z', '0001-01-01T00:00:00Z', '2026-11-20T11:00:00Z'])(
  'a reporter whose clock cannot be right is dated by ours: %s',
  (told) => {
    const receivedAt = new Date(at);
    const turn = { index: 0, who: 'caller', text: 'Hello.', startedAt: told, endedAt: at };
    const event = fromReport(report(told, { type: 'turn', data: turn }), receivedAt, PLAN);
    expect(event).toMatchObject({ at, data: { endedAt: at } });
    expect(event.data).not.toHaveProperty('startedAt');
    const joinedAtMs = Date.parse('2100-01-01T00:00:00Z');
    const met = { type: 'caller.met', data: { identity: 'sip_1', joinedAtMs, attributes: {} } };
    expect(fromReport(report(told, met), receivedAt, PLAN).at).toBe(at);
  },
);

test('what a worker kept while the service was away is dated by the worker', () => {
  const days = '2026-11-18T10:00:00.000Z';
  const ended = { type: 'agent.ended', data: { endedBy: 'caller', endReason: 'caller_hangup' } };
  expect(fromReport(report(days, ended), new Date(at), PLAN).at).toBe(days);
});

test.each(['Anonymous', 'Restricted', 'unavailable', 'anonymous.invalid', ''])(
  'a caller who livekit-sip says is %j is anonymous',
  (number) => {
    const attributes = {
      'sip.ruleID': 'SDR_1',
      'sip.phoneNumber': number,
      'sip.trunkPhoneNumber': '73433009243',
    };
    const met = { type: 'caller.met', data: { identity: 'sip_x', attributes } };
    const event = fromReport(report(at, met), new Date(at), PLAN);
    expect(fold('call_1', [event])?.from).toBe('anonymous');
  },
);

test('whom a caller wants is absent where nobody says it', () => {
  const data = { from: 'anonymous', line: 'main', trunk: 'novofon', sipCallIdFull: '1@a' };
  const event = fromReport(report(at, { type: 'leg.invited', data }), new Date(at), PLAN);
  const folded = fold('call_1', [event]);
  expect(folded?.from).toBe('anonymous');
  expect(folded).not.toHaveProperty('to');
  expect(folded?.legs[0]).not.toHaveProperty('to');
});
