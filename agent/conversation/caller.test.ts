import { ParticipantKind } from '@livekit/rtc-node';
import { expect, test } from 'vitest';
import type { Config, Line } from '../../config/config.ts';
import { cameByNoTrunk, chooseLine, isResumed, meetingWith } from './caller.ts';

const line = (name: string, ...numbers: string[]) => ({ name, numbers }) as unknown as Line;
const config = {
  lines: [line('novofon', '+73433009243'), line('shop', '+15551230000'), line('anything', '*')],
  numbering: { country: 'RU', calledNumberAttribute: 'sip.h.called_did' },
} as unknown as Config;

type Met = Parameters<typeof meetingWith>[0];
const choose = (metadata: string, attributes: Record<string, string> = {}) =>
  chooseLine(config, metadata, attributes)?.name;

test('the dispatch names the line', () => {
  expect(choose('{"line":"shop"}', { 'sip.trunkPhoneNumber': '+73433009243' })).toBe('shop');
});

test("Novofon's header counts, not the account in the Request-URI", () => {
  const attributes = { 'sip.h.called_did': '73433009243', 'sip.trunkPhoneNumber': '878725' };
  expect(choose('', attributes)).toBe('novofon');
});

test('the header that the trunk names counts, and no other', () => {
  const numbering = { ...config.numbering, calledNumberAttribute: 'sip.h.x-dialled' };
  const other = { ...config, numbering };
  const attributes = { 'sip.h.x-dialled': '+15551230000', 'sip.h.called_did': '73433009243' };
  expect(chooseLine(other, '', attributes)?.name).toBe('shop');
});

test('the number of the trunk counts where there is no header', () => {
  expect(choose('', { 'sip.trunkPhoneNumber': '+15551230000' })).toBe('shop');
});

test("other systems' metadata is no obstacle", () => {
  expect(choose('{"m":1}', { 'sip.trunkPhoneNumber': '+15551230000' })).toBe('shop');
  expect(choose('not json')).toBe('anything');
  expect(choose('{"line":"unknown"}')).toBe('anything');
  expect(choose('{"line":5,"called":"+15551230000"}')).toBe('anything');
});

test('without a line for everything else an unknown number has none', () => {
  const strict = { ...config, lines: config.lines.slice(0, 2) };
  expect(chooseLine(strict, '', { 'sip.trunkPhoneNumber': '+499999' })).toBeUndefined();
});

test('who matches no trunk is known by it, where livekit-sip says so', () => {
  const byRule = { 'trunkline.ingress': 'livekit-sip', 'sip.ruleID': 'SDR_1' };
  expect(cameByNoTrunk(byRule)).toBe(true);
  expect(cameByNoTrunk({ ...byRule, 'sip.trunkID': '' })).toBe(true);
  expect(cameByNoTrunk({ ...byRule, 'sip.trunkID': 'ST_1' })).toBe(false);
  // Whom we call came by no rule; the built-in endpoint looks at its trunk itself.
  expect(cameByNoTrunk({ 'trunkline.ingress': 'livekit-sip' })).toBe(false);
  expect(cameByNoTrunk({ 'sip.ruleID': 'desk' })).toBe(false);
});

test('a caller who was spoken to before is known by the dispatch, or bears a mark', () => {
  expect(isResumed('{"line":"shop"}', {})).toBe(false);
  expect(isResumed('{"line":"shop","resumed":true}', {})).toBe(true);
  expect(isResumed('not json', { 'trunkline.greeted': 'AJ_1' })).toBe(true);
});

test('of a caller on the telephone it tells who they are, and nothing else that the room knows', () => {
  const info = { kind: ParticipantKind.SIP, joinedAt: 1_795_000_000_000n };
  const attributes = { 'sip.phoneNumber': '+74957852929', line: 'shop', mood: 'good' };
  const caller = { identity: 'sip_1', info, attributes } as unknown as Met;
  expect(meetingWith(caller)).toEqual({
    identity: 'sip_1',
    joinedAtMs: 1_795_000_000_000,
    attributes: { 'sip.phoneNumber': '+74957852929', line: 'shop' },
  });
  const browser = { ...info, kind: ParticipantKind.STANDARD };
  expect(meetingWith({ ...caller, info: browser } as unknown as Met)).toBeUndefined();
});
