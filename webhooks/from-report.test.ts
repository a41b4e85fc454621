import { expect, test } from 'vitest';
import { fold } from '../calls/fold.ts';
import { Report } from '../calls/reports.ts';
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
