import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { createFramer, openSipLink } from './sip-link.ts';

test('finds the messages in a TCP stream however it is cut', () => {
  const first = 'SIP/2.0 180 Ringing\r\nContent-Length: 0\r\n\r\n';
  const second = 'BYE sip:a@b SIP/2.0\r\nl: 5\r\n\r\nh\u00e9ll';
  const stream = Buffer.from(`\r\n\r\n${first}\r\n\r\n${second}`);
  for (let cut = 1; cut <= 20; cut += 1) {
    const messages: string[] = [];
    const feed = createFramer((text) => messages.push(text));
    for (let i = 0; i < stream.length; i += cut) feed(stream.subarray(i, i + cut));
    expect(messages).toEqual([first, second]);
  }
});

test('gives up on a stream without an end', () => {
  const feed = createFramer(() => undefined);
  expect(() => feed(Buffer.alloc(70_000, 'x'))).toThrow('without an end');
});

test('repeats a request over UDP until there is a response', async () => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  await once(server, 'listening');
  const received: string[] = [];
  const twice = Promise.withResolvers<void>();
  server.on('message', (data, { port, address }) => {
    received.push(data.toString());
    if (received.length < 2) return;
    server.send(
      'SIP/2.0 100 Trying\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n',
      port,
      address,
    );
  });
  const link = await openSipLink({
    transport: 'udp',
    host: '127.0.0.1',
    port: server.address().port,
    onMessage: () => twice.resolve(),
    onError: (error) => twice.reject(error),
  });
  const invite =
    'INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 INVITE\r\n\r\n';
  await link.send(invite);
  await twice.promise;
  expect(received).toEqual([invite, invite]);
  link.close();
  server.close();
});
