import { describe, expect, it } from 'vitest';
import type { Trunk } from '../../../config/config.ts';
import { readMessage } from './message.ts';
import { calledNumber, callerNumber, mayCall } from './number-of.ts';
import { isRefusal, readRequest } from './request.ts';
import type { SipRequest } from './request.ts';

const novofon = {
  calledNumberHeader: 'CALLED_DID',
  country: 'RU',
  allowedNumbers: [] as string[],
} as unknown as Trunk;

interface Parts {
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly headers?: readonly string[];
}

function invite(parts: Parts = {}): SipRequest {
  const { uri = 'sip:878725@192.0.2.1', from = 'sip:a@b', to = 'sip:192.0.2.1' } = parts;
  const lines = [
    `INVITE ${uri} SIP/2.0`,
    'Via: SIP/2.0/UDP a;branch=z9hG4bK1',
    `From: ${from};tag=1`,
    `To: ${to}`,
    'Call-ID: 1',
    'CSeq: 1 INVITE',
    'Contact: <sip:a@b>',
    ...(parts.headers ?? []),
  ];
  const message = readMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  const request = message && readRequest(message);
  if (!request || isRefusal(request)) throw new Error(`no request: ${JSON.stringify(request)}`);
  return request;
}

describe('calledNumber', () => {
  it.each([
    ['called_did: 73433009243', '+73433009243'],
    ['CALLED_DID: "Desk, +79990001122" <sip:73433009243@a;x=y>;z="<sip:1@b>"', '+73433009243'],
    ['CALLED_DID: <tel:+7-343-300-92-43>', '+73433009243'],
    ['CALLED_DID: sip:+73433009243@a', '+73433009243'],
    ['CALLED_DID:', '878725'],
    ['CALLED_DID: <sip:192.0.2.1>', '878725'],
  ])("is in the trunk's header: %s", (header, number) => {
    expect(calledNumber(invite({ headers: [header] }), novofon)).toBe(number);
  });

  it.each([
    ['sip:+15550100200@a', '+15550100200'],
    ['sip:+15550100200;npdi=yes@a:5060;user=phone', '+15550100200'],
    ['sip:+15550100200:password@a', '+15550100200'],
    ['tel:+1-555-010-0200;phone-context=x', '+15550100200'],
    ['sip:84957852929@a', '+74957852929'],
    ['sip:1000@a', '1000'],
    ['sip:%31000@a', '1000'],
    ['sip:agent%20smith@a', 'agentsmith'],
  ])('of %s without the header is %s', (uri, number) => {
    expect(calledNumber(invite({ uri }), novofon)).toBe(number);
  });

  it('is in To where the Request-URI has no user, and unknown where that has none either', () => {
    const to = '"x" <sip:73433009243@192.0.2.1>';
    expect(calledNumber(invite({ uri: 'sip:192.0.2.1', to }), novofon)).toBe('+73433009243');
    expect(calledNumber(invite({ uri: 'sip:192.0.2.1' }), novofon)).toBeUndefined();
  });
});

describe('callerNumber', () => {
  it.each([
    ['"+74957852929" <sip:+74957852929@sip.example.com>', '+74957852929'],
    ['sip:74957852929@a', '+74957852929'],
    ['"HOTEL: Astoria" <sip:+74957852929@a>', '+74957852929'],
    ['"sip:+79990001122@a" <sip:+74957852929@a>', '+74957852929'],
    ['"tel:+79990001122" <sip:+74957852929@a>', '+74957852929'],
    ['"\\" <sip:+79990001122@a>" <sip:+74957852929@a>', '+74957852929'],
    ['sip:+79990001122@a <sip:+74957852929@a>', '+74957852929'],
    ['<sip:+74957852929@a>;x="<sip:+79990001122@a>"', '+74957852929'],
    ['"Anonymous" <sip:+74957852929@a>', '+74957852929'],
    ['Žluťoučký <sip:+74957852929@a>', '+74957852929'],
    ['<tel:+74957852929>', '+74957852929'],
    [`<sip:${'x'.repeat(300)}@a>`, 'x'.repeat(64)],
  ])('of %s is in the URI: %s', (from, number) => {
    expect(callerNumber(invite({ from }), novofon)).toBe(number);
  });

  it.each([
    '"Anonymous" <sip:anonymous@anonymous.invalid>',
    '<sip:Anonymous@192.0.2.1>',
    '<sip:ANONYMOUS@192.0.2.1;user=phone>',
    '<sip:Restricted@192.0.2.1>',
    '<sip:unavailable@unknown.invalid>',
    '<sip:Unavailable@192.0.2.1>',
    '<sip:not%20available@192.0.2.1>',
    '<sip:unknown@192.0.2.1>',
    '<sip:private@192.0.2.1>',
    '<sip:withheld@192.0.2.1>',
    '<sip:Out-Of-Area@192.0.2.1>',
    '<sip:0000000000@192.0.2.1>',
    '<sip:+74957852929@anonymous.invalid>',
    '<sip:anonymous.invalid>',
    '<sip:192.0.2.1>',
    '<urn:service:sos>',
  ])('of %s is anonymous', (from) => {
    expect(callerNumber(invite({ from }), novofon)).toBe('anonymous');
  });

  it.each([
    ['Privacy: id', 'anonymous'],
    ['Privacy: user; critical', 'anonymous'],
    ['Privacy: header;Session;ID', 'anonymous'],
    ['Privacy: none', '+74957852929'],
    ['Privacy: session', '+74957852929'],
  ])('with %s is %s', (header, number) => {
    const from = '<sip:+74957852929@a>';
    expect(callerNumber(invite({ from, headers: [header] }), novofon)).toBe(number);
  });
});

describe('mayCall', () => {
  const listed = { ...novofon, allowedNumbers: ['84957852929'] };

  it('lets everybody call where there is no list', () => {
    expect(mayCall(invite(), novofon)).toBe(true);
  });

  it.each([
    ['<sip:+74957852929@a>', true],
    ['<sip:+74957852928@a>', false],
    ['"sip:+74957852929@a" <sip:+74957852928@a>', false],
    ['"tel:+74957852929" <sip:anonymous@anonymous.invalid>', false],
  ])('with a list goes by the URI: %s', (from, expected) => {
    expect(mayCall(invite({ from }), listed)).toBe(expected);
  });

  it('knows who is not to be shown', () => {
    const hidden = invite({ from: '<sip:+74957852929@a>', headers: ['Privacy: id'] });
    expect(mayCall(hidden, listed)).toBe(true);
  });
});
