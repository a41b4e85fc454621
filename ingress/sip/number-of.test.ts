import { describe, expect, it } from 'vitest';
import type { Trunk } from '../../config/config.ts';
import { readMessage } from './message.ts';
import type { SipMessage } from './message.ts';
import { calledNumber, callerNumber, hostOf, mayCall } from './number-of.ts';

const novofon = {
  calledNumberHeader: 'CALLED_DID',
  country: 'RU',
  allowedNumbers: [] as string[],
} as unknown as Trunk;

function invite(...lines: string[]): SipMessage {
  const text = ['INVITE sip:878725@192.0.2.1 SIP/2.0', ...lines, '', ''].join('\r\n');
  const message = readMessage(Buffer.from(text));
  if (!message) throw new Error('no message');
  return message;
}

describe('calledNumber', () => {
  it("is in the trunk's header, in any case of letters, without its plus sign", () => {
    const message = invite('called_did: 73433009243');
    expect(calledNumber(message, 'sip:878725@192.0.2.1', novofon)).toBe('+73433009243');
  });

  it.each([
    ['sip:+15550100200@a', '+15550100200'],
    ['sip:+15550100200;npdi=yes@a:5060;user=phone', '+15550100200'],
    ['tel:+1-555-010-0200;phone-context=x', '+15550100200'],
    ['sip:84957852929@a', '+74957852929'],
    ['sip:1000@a', '1000'],
    ['sip:%31000@a', '1000'],
    ['sip:agent%20smith@a', 'agentsmith'],
    ['sip:a', ''],
  ])('of %s without the header is %s', (uri, number) => {
    expect(calledNumber(invite(), uri, novofon)).toBe(number);
  });
});

describe('callerNumber', () => {
  it.each([
    ['"+74957852929" <sip:+74957852929@sip.example.com>;tag=1', '+74957852929'],
    ['sip:74957852929@a;tag=1', '+74957852929'],
    ['"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', 'anonymous'],
    ['<sip:anonymous.invalid>;tag=1', 'anonymous'],
    [`<sip:${'x'.repeat(300)}@a>;tag=1`, 'x'.repeat(64)],
  ])('of %s', (from, number) => {
    expect(callerNumber(invite(`From: ${from}`), novofon)).toBe(number);
  });
});

it('takes calls from the listed callers only, where there is a list', () => {
  expect(mayCall('+74957852929', novofon)).toBe(true);
  const listed = { ...novofon, allowedNumbers: ['84957852929'] };
  expect(mayCall('+74957852929', listed)).toBe(true);
  expect(mayCall('+74957852928', listed)).toBe(false);
});

it.each([
  ['sip:1@pbx.example.com:5060;x', 'pbx.example.com'],
  ['sip:pbx.example.com', 'pbx.example.com'],
  ['sips:1@[2001:db8::1]:5061', '[2001:db8::1]'],
  ['tel:+1', ''],
])('host of %s', (uri, host) => {
  expect(hostOf(uri)).toBe(host);
});
