import { describe, expect, it } from 'vitest';
import { readBody } from './body.ts';
import { readMessage } from './message.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n';
const SDP_PART = `Content-Type: application/sdp\r\n\r\n${SDP}`;
const PIDF_PART =
  'Content-Type: application/pidf+xml\r\nContent-ID: <loc@example.org>\r\n\r\n<presence/>';

function read(headers: readonly string[], body: string) {
  const head = ['INVITE sip:a@b SIP/2.0', ...headers].join('\r\n');
  const message = readMessage(Buffer.from(`${head}\r\n\r\n${body}`));
  if (!message) throw new Error('no message');
  return readBody(message, ['application/sdp']);
}

function multipart(parts: readonly string[], type = 'multipart/mixed', rest: string[] = []) {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('');
  return read([`Content-Type: ${type};boundary=b`, ...rest], `${body}--b--\r\n`);
}

const OURS = { type: 'application/sdp', content: SDP };

describe('a body', () => {
  it('of one of the types is read, whatever stands behind the type', () => {
    expect(read(['Content-Type: Application/SDP;charset="a;b"'], SDP)).toEqual(OURS);
    expect(read(['c: application/sdp', 'l: 5'], SDP)).toEqual({ ...OURS, content: 'v=0\r\n' });
  });

  it('that is not there is none', () => {
    expect(read(['Content-Type: application/sdp'], '')).toBe('none');
  });

  it.each([
    [['Content-Type: text/plain'], 'unsupported'],
    [['Content-Type: text/plain', 'Content-Disposition: render;handling=optional'], 'none'],
    [['Content-Type: text/plain', 'Content-Disposition: icon ; Handling="Optional"'], 'none'],
    [['Content-Type: application/sdp', 'Content-Encoding: gzip'], 'unsupported'],
    [['Content-Type: application/sdp', 'Content-Disposition: early-session'], 'unsupported'],
    [[], 'unsupported'],
  ])('with %j is %s', (headers, expected) => {
    expect(read(headers, SDP)).toBe(expected);
  });
});

describe('a body of several parts (RFC 5621)', () => {
  it.each([
    ['first', [SDP_PART, PIDF_PART]],
    ['last', [PIDF_PART, SDP_PART]],
    ['alone', [SDP_PART]],
    ['with its disposition', [`Content-Disposition: session;handling=required\r\n${SDP_PART}`]],
    [
      'beside what may be left out',
      [SDP_PART, `Content-Disposition: render;handling=optional\r\n${PIDF_PART}`],
    ],
    ['beside early media', [`Content-Disposition: early-session\r\n${SDP_PART}`, SDP_PART]],
  ])('has its SDP %s', (_where, parts) => {
    expect(multipart(parts)).toEqual(OURS);
  });

  it('is refused for a part that has to be understood', () => {
    const demanding = `Content-Disposition: signal;handling=required\r\nContent-Type: application/isup\r\n\r\nx`;
    expect(multipart([SDP_PART, demanding])).toBe('unsupported');
    expect(multipart([demanding, SDP_PART], 'multipart/alternative')).toEqual(OURS);
  });

  it('is refused without one that is understood, unless nobody has to', () => {
    expect(multipart([PIDF_PART])).toBe('unsupported');
    const optional = ['Content-Disposition: render;handling=optional'];
    expect(multipart([PIDF_PART], 'multipart/mixed', optional)).toBe('none');
  });

  it('may nest, be alternatives, and have a boundary in quotes', () => {
    const inner = `Content-Type: multipart/related;boundary=i\r\n\r\n--i\r\n${SDP_PART}\r\n--i--`;
    expect(multipart([PIDF_PART, inner])).toEqual(OURS);
    const other = SDP_PART.replace('v=0', 'v=1');
    const best = multipart([other, SDP_PART], 'multipart/alternative');
    expect(best).toEqual(OURS);
    const headers = ['Content-Type: multipart/mixed; boundary="a b;c"'];
    expect(read(headers, `preamble\r\n--a b;c  \r\n${SDP_PART}\r\n--a b;c--\r\nend`)).toEqual(OURS);
  });

  it.each([
    ['no boundary', ['Content-Type: multipart/mixed'], `--b\r\n${SDP_PART}\r\n--b--`],
    ['no delimiter', ['Content-Type: multipart/mixed;boundary=b'], SDP_PART],
    ['nothing in it', ['Content-Type: multipart/mixed;boundary=b'], '--b--'],
    ['a delimiter that goes on', ['Content-Type: multipart/mixed;boundary=b'], '--bc\r\n\r\n'],
  ])('with %s is not understood', (_what, headers, body) => {
    expect(read(headers, body)).toBe('unsupported');
  });

  it('is not followed without end', () => {
    const nest = (depth: number): string =>
      depth === 0
        ? SDP_PART
        : `Content-Type: multipart/mixed;boundary=b${depth}\r\n\r\n--b${depth}\r\n${nest(depth - 1)}\r\n--b${depth}--`;
    expect(multipart([nest(20)])).toBe('unsupported');
  });
});
