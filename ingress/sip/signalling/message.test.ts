import { describe, expect, it } from 'vitest';
import { bodyOf, headerValue, headerValues, isResponse, readMessage } from './message.ts';

describe('readMessage', () => {
  it('splits Via where a comma is not quoted', () => {
    const raw = 'BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;x="b,c",SIP/2.0/UDP d\r\n\r\n';
    const message = readMessage(Buffer.from(raw));
    expect(message && headerValues(message, 'via')).toEqual([
      'SIP/2.0/UDP a;x="b,c"',
      'SIP/2.0/UDP d',
    ]);
  });

  it('unfolds, names headers in full, and splits Via', () => {
    const message = readMessage(
      Buffer.from(
        '\r\nOPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP a;branch=1,\r\n SIP/2.0/TCP b\r\nSubject :  one\r\n\ttwo\r\n\r\nbody',
      ),
    );
    expect(message?.headers).toEqual([
      { name: 'via', value: 'SIP/2.0/UDP a;branch=1' },
      { name: 'via', value: 'SIP/2.0/TCP b' },
      { name: 'subject', value: 'one two' },
    ]);
    expect(message?.body.toString()).toBe('body');
    expect(message?.wellFormed).toBe(true);
  });

  it.each([
    ['no blank line', 'OPTIONS sip:a SIP/2.0\r\nTo: a'],
    ['a line that is no header', 'OPTIONS sip:a SIP/2.0\r\nTo a\r\n\r\n'],
    ['a header without a name', 'OPTIONS sip:a SIP/2.0\r\n: a\r\n\r\n'],
    ['a line end within a line', 'OPTIONS sip:a SIP/2.0\r\nTo: a\nFrom: b\r\n\r\n'],
  ])('notes %s', (_name, text) => {
    expect(readMessage(Buffer.from(text))?.wellFormed).toBe(false);
  });

  it.each([
    ['a keep-alive', Buffer.from('\r\n\r\n')],
    ['nothing', Buffer.alloc(0)],
    ['STUN', Buffer.from('000100002112a442', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ])('leaves %s alone', (_name, raw) => {
    expect(readMessage(raw)).toBeUndefined();
  });
});

it('keeps every byte of headers and body', () => {
  const name = Buffer.from('"Žluťoučký" <sip:a@b>');
  const body = Buffer.from([0xff, 0x00, 0x80, 0x0d]);
  const raw = Buffer.concat([
    Buffer.from('INFO sip:a SIP/2.0\r\nf: '),
    name,
    Buffer.from('\r\n\r\n'),
    body,
  ]);
  const message = readMessage(raw);
  expect(message && Buffer.from(headerValue(message, 'from') ?? '', 'latin1')).toEqual(name);
  expect(message?.body).toEqual(body);
});

it('cuts the body to Content-Length', () => {
  const message = readMessage(Buffer.from('BYE sip:a SIP/2.0\r\nl: 1\r\n\r\nabc'));
  expect(message && bodyOf(message).toString()).toBe('a');
});

it.each([
  ['BYE sip:a SIP/2.0', false],
  ['SIP/2.0 200 OK', true],
  ['sip/2.0 2 SIP/2.0', true],
])('%s is a response: %s', (line, expected) => {
  const message = readMessage(Buffer.from(`${line}\r\nTo: a\r\n\r\n`));
  expect(message && isResponse(message)).toBe(expected);
});

it('finds all values of a header', () => {
  const message = readMessage(Buffer.from('BYE sip:a SIP/2.0\r\nm: 1\r\nContact: 2\r\n\r\n'));
  expect(message && headerValues(message, 'contact')).toEqual(['1', '2']);
});
