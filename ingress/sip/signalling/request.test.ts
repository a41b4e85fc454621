import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMessage } from './message.ts';
import { isRefusal, readRequest } from './request.ts';
import { readResponse, toSipJs } from './to-sip-js.ts';

const LINES = {
  start: 'INVITE sip:+15550100@192.0.2.1 SIP/2.0',
  via: 'Via: SIP/2.0/UDP 192.0.2.9:5070;branch=z9hG4bK1',
  from: 'From: "A, B" <sip:+15550199@192.0.2.9>;tag=f',
  to: 'To: <sip:+15550100@192.0.2.1>',
  callId: 'Call-ID: c@d',
  sequence: 'CSeq: 7 INVITE',
  contact: 'Contact: "A" <sip:a@192.0.2.9:5070>;q=1, <sip:b@192.0.2.9>',
};

const FLOW = {
  protocol: 'UDP',
  remoteAddress: '192.0.2.9',
  remotePort: 5070,
  localAddress: '192.0.2.1',
  localPort: 5060,
  isOpen: true,
  send: async () => undefined,
} as const;

function read(lines: Partial<typeof LINES> = {}, ...more: string[]) {
  const all = [...Object.values({ ...LINES, ...lines }), ...more].filter((line) => line !== '');
  const message = readMessage(Buffer.from(`${all.join('\r\n')}\r\n\r\n`, 'latin1'));
  return message && readRequest(message);
}

describe('a request', () => {
  it('is read once, in all its parts', () => {
    const routes = ['Record-Route: <sip:p1;lr>, "p, 2" <sip:p2;lr>', 'Record-Route: <sip:p3>'];
    const request = read({ to: 'To: sip:+15550100@192.0.2.1;tag=t' }, ...routes);
    expect(request).toMatchObject({
      method: 'INVITE',
      requestUri: { scheme: 'sip', userInfo: '+15550100', host: '192.0.2.1' },
      via: { host: '192.0.2.9', port: 5070, branch: 'z9hG4bK1' },
      from: { uri: { userInfo: '+15550199' } },
      fromTag: 'f',
      toTag: 't',
      callId: 'c@d',
      sequence: 7,
      contact: { uri: { userInfo: 'a', port: 5070 } },
      recordRoutes: ['<sip:p1;lr>', '"p, 2" <sip:p2;lr>', '<sip:p3>'],
    });
  });

  it('of another method needs no Contact, and may have one that is none', () => {
    const bye = { start: 'BYE sip:a@b SIP/2.0', sequence: 'CSeq: 8 BYE' };
    expect(read({ ...bye, contact: '' })).toMatchObject({ method: 'BYE', contact: undefined });
    expect(read({ ...bye, contact: 'Contact: *' })).toMatchObject({ contact: undefined });
  });

  it.each<[string, Partial<typeof LINES>]>([
    ['Malformed Request-Line', { start: 'INVITE  sip:a@b SIP/2.0' }],
    ['Malformed Request-URI', { start: 'INVITE <sip:a@b> SIP/2.0' }],
    ['Missing from Header', { from: '' }],
    ['Missing call-id Header', { callId: 'Call-ID:' }],
    ['More Than One to Header', { callId: 'Call-ID: 1\r\nTo: <sip:a@b>' }],
    ['Malformed Via Header', { via: 'Via: SIP/2.0/UDP a;;' }],
    ['Malformed CSeq Header', { sequence: 'CSeq: INVITE' }],
    ['Malformed CSeq Header', { sequence: 'CSeq: 2147483648 INVITE' }],
    ['CSeq Method Does Not Match', { sequence: 'CSeq: 7 BYE' }],
    ['Malformed From Header', { from: 'From: "A <sip:a@b>' }],
    ['Malformed To Header', { to: 'To: <sip:a@b' }],
    ['Missing contact Header', { contact: '' }],
    ['Malformed Contact Header', { contact: 'Contact: *' }],
    ['Malformed Contact Header', { contact: 'Contact: <tel:+15550199>' }],
    ['Malformed Record-Route Header', { contact: `${LINES.contact}\r\nRecord-Route: <x>` }],
    ['Malformed Content-Length Header', { contact: `${LINES.contact}\r\nContent-Length: x` }],
    ['Body Shorter Than Content-Length', { contact: `${LINES.contact}\r\nContent-Length: 9` }],
    ['Malformed Max-Forwards Header', { contact: `${LINES.contact}\r\nMax-Forwards: 256` }],
  ])('is refused for a %s', (reasonPhrase, lines) => {
    expect(read(lines)).toEqual({ statusCode: 400, reasonPhrase });
  });

  it('of another version is refused as such', () => {
    expect(read({ start: 'INVITE sip:a@b SIP/3.0' })).toEqual({ statusCode: 505 });
  });
});

function response(...lines: string[]) {
  const message = readMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
  return message && readResponse(message);
}

describe('a response', () => {
  it('is known by its branch and the method it answers', () => {
    expect(response('SIP/2.0 200', LINES.via, 'CSeq: 1 BYE')).toEqual({
      statusCode: 200,
      branch: 'z9hG4bK1',
      method: 'BYE',
    });
  });

  it.each([
    ['without a status', ['SIP/2.0 OK', LINES.via, 'CSeq: 1 BYE']],
    ['of no class', ['SIP/2.0 799 No', LINES.via, 'CSeq: 1 BYE']],
    ['without a branch', ['SIP/2.0 200 OK', 'Via: SIP/2.0/UDP a', 'CSeq: 1 BYE']],
    ['without a CSeq', ['SIP/2.0 200 OK', LINES.via]],
    ['for somebody else', ['SIP/2.0 200 OK', LINES.via, LINES.via, 'CSeq: 1 BYE']],
    ['with a broken header', ['SIP/2.0 200 OK', LINES.via, 'CSeq: 1 BYE', 'x']],
  ])('%s is none', (_what, lines) => {
    expect(response(...lines)).toBeUndefined();
  });
});

it('whatever comes is read or refused, and never throws', () => {
  const piece = fc.constantFrom(
    ...Object.values(LINES).flatMap((line) => line.split(/(?<=[ ;<>@:,"=])/)),
    '\r\n',
    '\r',
    '\n',
    ' ',
    '\t',
    '\0',
    '%',
    '\\',
    '"',
    '<',
    '>',
    '\u00ff',
    'SIP/2.0',
  );
  const name = fc.constantFrom('Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact', 'Record-Route');
  const line = fc.tuple(name, fc.array(piece)).map(([name, parts]) => `${name}: ${parts.join('')}`);
  fc.assert(
    fc.property(fc.array(line), fc.array(piece), (more, start) => {
      const head = [start.join(''), ...Object.values(LINES).slice(1), ...more].join('\r\n');
      for (const text of [head, `${LINES.start}\r\n${more.join('\r\n')}`]) {
        const message = readMessage(Buffer.from(`${text}\r\n\r\n`, 'latin1'));
        if (!message) continue;
        readResponse(message);
        const request = readRequest(message);
        if (!isRefusal(request)) toSipJs(request, FLOW);
      }
    }),
  );
});
