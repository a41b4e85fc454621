import { EventEmitter } from 'node:events';
import { RoomEvent } from '@livekit/rtc-node';
import type { Room } from '@livekit/rtc-node';
import { expect, test } from 'vitest';
import type { ReportBody } from '../../calls/reports.ts';
import { reportKeys } from './report-keys.ts';

const LIVEKIT_SIP = { 'sip.ruleID': 'SDR_1', 'sip.trunkID': 'ST_1' };
const BUILT_IN = { 'sip.ruleID': 'reservations', 'sip.trunkID': 'novofon' };

/** What is reported of a caller who presses 4, and of somebody else in the room who presses 2. */
function press(attributes: Record<string, string>, recordDigits: boolean): ReportBody[] {
  const room = new EventEmitter();
  const reports: ReportBody[] = [];
  const caller = { identity: 'sip_+12025550100', attributes };
  reportKeys(
    room as unknown as Room,
    () => caller,
    { recordDigits },
    (body) => reports.push(body),
  );
  room.emit(RoomEvent.DtmfReceived, 4, '4', caller);
  room.emit(RoomEvent.DtmfReceived, 2, '2', { identity: 'agent-AJ_1', attributes });
  room.emit(RoomEvent.DtmfReceived, 2, '2', undefined);
  return reports;
}

test("a key of livekit-sip's caller is reported; which, only where the line records digits", () => {
  expect(press(LIVEKIT_SIP, false)).toEqual([{ type: 'leg.dtmf', data: {} }]);
  expect(press(LIVEKIT_SIP, true)).toEqual([{ type: 'leg.dtmf', data: { digit: '4' } }]);
  expect(press({ 'sip.trunkID': 'ST_1' }, false)).toHaveLength(1);
});

test('the built-in endpoint reports its own: none is told twice', () => {
  expect(press(BUILT_IN, true)).toEqual([]);
});
