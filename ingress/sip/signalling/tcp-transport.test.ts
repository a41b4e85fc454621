import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { sdpOf } from '../fixtures/sip-client.ts';
import { start } from '../fixtures/start.ts';
import type { TestEndpoint } from '../fixtures/test-endpoint.ts';

/** What has come so far; resolves when it contains the text. */
class Connection {
  readonly socket: Socket;
  text = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
  }

  static async to(test: TestEndpoint): Promise<Connection> {
    const socket = connect(test.endpoint.port, '127.0.0.1');
    await once(socket, 'connect');
    onTestFinished(() => void socket.destroy());
    return new Connection(socket);
  }

  async has(part: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = part.exec(this.text);
      if (found) return found;
      await once(this.socket, 'data');
    }
  }
}

function request(
  method: string,
  cseq: number,
  options: { tag?: string; body?: string } = {},
): string {
  const { tag, body = '' } = options;
  return [
    `${method} sip:+15550100@127.0.0.1 SIP/2.0`,
    `Via: SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bK${method}${cseq}`,
    'From: <sip:+15550199@127.0.0.1>;tag=a',
    `To: <sip:+15550100@127.0.0.1>${tag ? `;tag=${tag}` : ''}`,
    'Call-ID: tcp-call',
    `CSeq: ${cseq} ${method}`,
    'Contact: <sip:a@127.0.0.1:5999;transport=tcp>',
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

it('holds a call on one connection, however its bytes are cut', async () => {
  const { test } = await start();
  const connection = await Connection.to(test);
  const invite = request('INVITE', 1, { body: sdpOf({ port: 4000 }) });
  connection.socket.write(invite.slice(0, 100));
  connection.socket.write(invite.slice(100, -20));
  connection.socket.write(invite.slice(-20));
  await connection.has(/SIP\/2\.0 180 /);
  expect(connection.text).toContain(`127.0.0.1:${test.endpoint.port};transport=tcp`);
  const leg = await test.leg();
  leg.emit('agentReady');
  const [, tag = ''] = await connection.has(/SIP\/2\.0 200 OK[\s\S]*?To: [^\r]*;tag=([^\r]+)/);
  connection.socket.write(request('ACK', 1, { tag }));
  leg.emit('closed', 'room_deleted');
  const bye = await connection.has(
    /BYE sip:a@127\.0\.0\.1:5999;transport=tcp SIP\/2\.0\r\nVia: ([^\r]+)/,
  );
  expect(bye[1]).toContain('SIP/2.0/TCP');
});

it('answers keep-alives', async () => {
  const { test } = await start();
  const connection = await Connection.to(test);
  connection.socket.write('\r\n\r\n');
  expect((await connection.has(/^[\s\S]+$/))[0]).toBe('\r\n');
});

it.each([
  ['has no length', (text: string) => text.replace(/Content-Length.*\r\n/, ''), 400],
  ['is too large', (text: string) => text.replace(/(Content-Length): \d+/, '$1: 99999'), 513],
])('refuses a message that %s, and closes', async (_name, spoil, status) => {
  const { test } = await start();
  const connection = await Connection.to(test);
  connection.socket.write(spoil(request('OPTIONS', 1)));
  await once(connection.socket, 'close');
  expect(connection.text).toContain(`SIP/2.0 ${status} `);
});

it('drops a connection whose message trickles in', async () => {
  const { test } = await start();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const slow = await Connection.to(test);
  const other = await Connection.to(test);
  slow.socket.write(request('OPTIONS', 1));
  await slow.has(/SIP\/2\.0 200/);
  for (const [index, bytes] of ['OPT', 'IONS'].entries()) {
    slow.socket.write(bytes);
    // Who is answered after them shows that they were read.
    other.socket.write(request('OPTIONS', 10 + index));
    await other.has(new RegExp(`CSeq: ${10 + index} `));
    vi.advanceTimersByTime(9_000);
  }
  await once(slow.socket, 'close');
});

it('takes a BYE by UDP for a call that began by TCP', async () => {
  const { test, caller } = await start();
  const connection = await Connection.to(test);
  connection.socket.write(request('INVITE', 1, { body: sdpOf({ port: 4000 }) }));
  (await test.leg()).emit('agentReady');
  const [, tag = ''] = await connection.has(/SIP\/2\.0 200 OK[\s\S]*?To: [^\r]*;tag=([^\r]+)/);
  caller.send(request('ACK', 1, { tag }).replace('/TCP', '/UDP'));
  caller.send(request('BYE', 2, { tag }).replace('/TCP', '/UDP'));
  await caller.status(200, 'BYE');
  expect((await test.report('leg.ended')).data.endReason).toBe('caller_hangup');
});
