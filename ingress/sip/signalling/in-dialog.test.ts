import { describe, expect, it } from 'vitest';
import { newCaller, start } from '../fixtures/start.ts';
import { digestAnswer, sdpOf } from '../fixtures/sip-client.ts';
import type { Dialled, SipClient } from '../fixtures/sip-client.ts';
import type { TestEndpoint } from '../fixtures/test-endpoint.ts';

const AUTH = { username: 'u', password: 'p' };

/** A call that is up, by a caller who has said their password. */
async function talk(test: TestEndpoint, caller: SipClient): Promise<Dialled> {
  const call = caller.dial();
  await authenticate(caller, call, AUTH.password);
  const leg = await test.leg();
  leg.emit('agentReady');
  await call.answered();
  await test.report('leg.answered');
  return call;
}

async function authenticate(caller: SipClient, call: Dialled, password: string): Promise<void> {
  const challenge = await caller.status(401);
  call.ack();
  call.cseq += 1;
  call.invite({ headers: [digestAnswer(challenge, call, { ...AUTH, password })] });
}

/** Wrong passwords, until the address is not answered any more. */
async function lockOut(guesser: SipClient): Promise<void> {
  for (let guesses = 0; guesses < 10; guesses += 1) {
    await authenticate(guesser, guesser.dial(), 'guess');
    await guesser.status(401);
  }
}

/** What an endpoint that answers in order has not answered by now it does not answer. */
async function isAnswered(test: TestEndpoint, caller: SipClient): Promise<boolean> {
  const probe = await newCaller(test, '127.0.0.9');
  const asked = caller.dial();
  const pinged = probe.dial();
  await probe.next((message) => message.header('call-id') === pinged.callId);
  return caller.received.some((message) => message.header('call-id') === asked.callId);
}

describe('what belongs to a call passes', () => {
  it('an address that is shut out for wrong passwords', async () => {
    const { test, caller } = await start({ trunk: { auth: AUTH } });
    const call = await talk(test, caller);
    const guesser = await newCaller(test);
    await lockOut(guesser);
    expect(await isAnswered(test, guesser)).toBe(false);

    const type = ['Content-Type: application/sdp'];
    call.next('INVITE', type, sdpOf({ port: 40_002, lines: ['a=sendonly'] }));
    await call.answered();
    await test.report('leg.held');
    call.next('INFO', ['Content-Type: application/dtmf'], '5');
    expect((await caller.final('INFO')).status).toBe(200);
    call.next('OPTIONS');
    expect((await caller.final('OPTIONS')).status).toBe(200);
    call.next('UPDATE');
    expect((await caller.final('UPDATE')).status).toBe(405);
    call.next('BYE');
    expect((await caller.final('BYE')).status).toBe(200);
    expect((await test.report('leg.ended')).data.endReason).toBe('caller_hangup');
  });

  it('an ACK and a CANCEL, too', async () => {
    const { test, caller } = await start({ trunk: { auth: AUTH } });
    const call = caller.dial();
    await authenticate(caller, call, AUTH.password);
    await caller.status(180);
    await lockOut(await newCaller(test));
    call.cancel();
    expect((await caller.final('CANCEL')).status).toBe(200);
    expect((await caller.final('INVITE')).status).toBe(487);
    call.ack();
    expect((await test.report('leg.ended')).data.endReason).toBe('cancelled');
  });

  it('a list of addresses, and the one of scanners', async () => {
    const { test, caller } = await start({ trunk: { allowedAddresses: ['127.0.0.1'] } });
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    const proxy = await newCaller(test, '127.0.0.2');
    call.next('INFO', ['User-Agent: friendly-scanner', 'Content-Type: application/dtmf'], '5');
    expect((await caller.final('INFO')).status).toBe(200);
    call.cseq += 1;
    proxy.send(call.text('BYE'));
    expect((await proxy.final('BYE')).status).toBe(200);
  });

  it('when no more refusals go to its address', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    const noisy = await newCaller(test);
    for (let count = 0; count < 300; count += 1) noisy.send(noBye(noisy, count));
    await expect.poll(() => test.dropped()).toBeGreaterThan(0);
    call.next('OPTIONS');
    expect((await caller.final('OPTIONS')).status).toBe(200);
    call.next('INFO', ['Content-Type: text/plain'], 'hello');
    expect((await caller.final('INFO')).status).toBe(415);
  });

  it('while the endpoint takes no new calls', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    const drained = test.endpoint.drain(60_000);
    call.next('OPTIONS');
    expect((await caller.final('OPTIONS')).status).toBe(200);
    call.next('BYE');
    await caller.status(200, 'BYE');
    await drained;
  });
});

/** A BYE of no call. */
function noBye(client: SipClient, count: number): string {
  return [
    'BYE sip:a@127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/UDP 127.0.0.1:${client.port};branch=z9hG4bK${count}`,
    'From: <sip:a@127.0.0.1>;tag=1',
    'To: <sip:b@127.0.0.1>;tag=2',
    `Call-ID: ${count}`,
    'CSeq: 1 BYE',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}
