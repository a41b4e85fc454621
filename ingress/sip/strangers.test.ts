/** What others do in a trunk's name, or beside it, and what a network loses. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { newCaller, start } from './fixtures/start.ts';
import { newBranch, sdpOf } from './fixtures/sip-client.ts';

const auth = { username: 'u', password: 'p' };

it('the trunk is answered while somebody sends OPTIONS in its name', async () => {
  const { test, caller: trunk } = await start({ trunk: { auth } });
  const forger = await newCaller(test); // the same address, as a forged source looks
  for (let number = 0; number < 400; number += 1) {
    forger.send(
      'OPTIONS sip:x@127.0.0.1 SIP/2.0\r\n' +
        `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKf${number}\r\n` +
        `From: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: f${number}\r\n` +
        'CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n',
    );
  }
  await vi.waitFor(async () => expect(await test.dropped()).toBeGreaterThan(0));
  const call = trunk.dial();
  expect(await trunk.final('INVITE')).toMatchObject({ status: 401 });
  const ping = call.text('OPTIONS').replace(/branch=\S+/, `branch=${newBranch()}`);
  trunk.send(ping.replace(/Call-ID: .*/, 'Call-ID: ping'));
  expect(await trunk.final('OPTIONS')).toMatchObject({ status: 200 });
});

it('a listed trunk has its TCP connection, whatever strangers hold', async () => {
  const { test } = await start({ trunk: { allowedAddresses: ['127.0.0.1'] } });
  const open = async (localAddress: string): Promise<Socket> => {
    const socket = connect({ host: '127.0.0.1', port: test.endpoint.port, localAddress });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5']) {
    for (let number = 0; number < 64; number += 1) await open(address);
  }
  const trunk = await open('127.0.0.1');
  trunk.write('\r\n\r\n');
  expect(String(await once(trunk, 'data'))).toBe('\r\n');
});

it('whose TCP connection is gone while it rings is answered where Via says', async () => {
  const { test } = await start();
  let answer = '';
  const server = createServer((socket) => socket.on('data', (data) => (answer += String(data))));
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const caller = connect({ host: '127.0.0.1', port: test.endpoint.port });
  const sdp = sdpOf({ port: 40_000 });
  caller.write(
    'INVITE sip:+15550100@127.0.0.1 SIP/2.0\r\n' +
      `Via: SIP/2.0/TCP 127.0.0.1:${port};branch=z9hG4bKtcp\r\nMax-Forwards: 70\r\n` +
      'From: <sip:+15550199@a>;tag=1\r\nTo: <sip:+15550100@b>\r\nCall-ID: tcp1\r\n' +
      `CSeq: 1 INVITE\r\nContact: <sip:c@127.0.0.1:${port};transport=tcp>\r\n` +
      `Content-Type: application/sdp\r\nContent-Length: ${sdp.length}\r\n\r\n${sdp}`,
  );
  expect(String(await once(caller, 'data'))).toContain('SIP/2.0 180');
  caller.destroy();
  await once(caller, 'close');
  (await test.leg()).emit('agentReady');
  await vi.waitFor(() => expect(answer).toContain('SIP/2.0 200 OK'), 5_000);
});

it('a digit by INFO is sent again until it is answered', async () => {
  const { test, caller } = await start();
  const call = caller.dial({
    sdp: sdpOf({ port: 40_000, payloads: '8', lines: ['a=rtpmap:8 PCMA/8000'] }),
  });
  const leg = await test.leg();
  leg.emit('agentReady');
  await call.answered();
  leg.emit('dtmf', '5');
  const first = await caller.request('INFO');
  const again = await caller.request('INFO');
  expect(again.cseq).toBe(first.cseq);
});
