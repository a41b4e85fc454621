import { expect, it } from 'vitest';
import { TcpFramer } from './tcp-framer.ts';

const one = Buffer.from('OPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabc');
const two = Buffer.from('BYE sip:b SIP/2.0\r\nl : 0\r\n\r\n');

function kinds(framer: TcpFramer, chunks: readonly Buffer[]): string[] {
  return chunks
    .flatMap((chunk) => framer.push(chunk))
    .map((frame) => (frame.kind === 'message' ? frame.raw.toString() : frame.kind));
}

it('cuts messages however the stream is cut', () => {
  const stream = Buffer.concat([one, two, one]);
  const expected = [one, two, one].map(String);
  for (const size of [1, 2, 7, 40, stream.length]) {
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
      stream.subarray(index * size, (index + 1) * size),
    );
    const framer = new TcpFramer(1000);
    expect(kinds(framer, chunks)).toEqual(expected);
    expect(framer.isMidMessage).toBe(false);
  }
});

it('answers keep-alives and skips lone line ends', () => {
  const ping = Buffer.from('\r\n\r\n');
  expect(kinds(new TcpFramer(1000), [ping, Buffer.from('\r\n'), one])).toEqual([
    'ping',
    String(one),
  ]);
  expect(kinds(new TcpFramer(1000), [Buffer.concat([ping, one])])).toEqual(['ping', String(one)]);
  const framer = new TcpFramer(1000);
  kinds(framer, [one, Buffer.from('\r\n')]);
  expect(framer.isMidMessage).toBe(false);
  kinds(framer, [one.subarray(0, 1)]);
  expect(framer.isMidMessage).toBe(true);
});

it('gives up on a message without a length, and on one that is too large', () => {
  const endless = Buffer.from('BYE sip:b SIP/2.0\r\nTo: x\r\n\r\n');
  expect(kinds(new TcpFramer(1000), [endless, one])).toEqual(['broken']);
  const large = Buffer.from('BYE sip:b SIP/2.0\r\nContent-Length: 2000\r\n\r\n');
  expect(kinds(new TcpFramer(1000), [large, one])).toEqual(['broken']);
  expect(kinds(new TcpFramer(1000), [Buffer.alloc(1001, 'x')])).toEqual(['broken']);
});
