import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newCaller, start } from '../fixtures/start.ts';
import { digestAnswer, newBranch, sdpOf } from '../fixtures/sip-client.ts';
import type { InviteOptions } from '../fixtures/sip-client.ts';

describe('an INVITE is refused', () => {
  it.each<[string, number, InviteOptions]>([
    ['for a number of no line', 404, { uri: 'sip:+15550101@127.0.0.1' }],
    ['for audio that we cannot do', 488, { sdp: sdpOf({ port: 4000, payloads: '18', lines: [] }) }],
    ['for a body that is no SDP', 488, { sdp: 'hello' }],
    ['for a type of body', 415, { contentType: 'text/plain' }],
    ['for an encoding of the body', 415, { headers: ['Content-Encoding: gzip'] }],
    ['for a required extension', 420, { headers: ['Require: 100rel, timer'] }],
    ['for a scheme', 416, { uri: 'sips:+15550100@127.0.0.1' }],
    ['for two values where one is meant', 400, { headers: ['From: <sip:b@c>;tag=1'] }],
    ['for its size', 513, { headers: [`X-Large: ${'x'.repeat(17_000)}`] }],
  ])('%s: %i', async (_name, status, options) => {
    const { test, caller } = await start({ numbers: ['+15550100'] });
    caller.dial(options);
    expect((await caller.final('INVITE')).status).toBe(status);
    expect(test.legs).toEqual([]);
  });

  it('says what it would take', async () => {
    const { caller } = await start();
    caller.dial({ contentType: 'text/plain' });
    expect((await caller.final('INVITE')).header('accept')).toBe(
      'application/sdp, multipart/mixed',
    );
    caller.dial({ headers: ['Require: 100rel, timer'] });
    expect((await caller.final('INVITE')).header('unsupported')).toBe('100rel, timer');
  });

  it('by 403 when its caller is not one of the listed', async () => {
    const { caller } = await start({ trunk: { allowedNumbers: ['+15550198'] } });
    caller.dial();
    expect((await caller.final('INVITE')).status).toBe(403);
    caller.dial({ from: '<sip:+15550198@127.0.0.1>' });
    await caller.status(180);
  });

  it('by 403 when its source address is not one of the listed', async () => {
    const { test, caller } = await start({ trunk: { allowedAddresses: ['127.0.0.2'] } });
    caller.dial();
    expect((await caller.final('INVITE')).status).toBe(403);
    const listed = await newCaller(test, '127.0.0.2');
    listed.dial();
    await listed.status(180);
  });

  it('silently when a scanner sends it', async () => {
    const { test, caller } = await start();
    caller.dial({ headers: ['User-Agent: friendly-scanner'] });
    const honest = caller.dial();
    const ringing = await caller.status(180);
    expect(ringing.header('call-id')).toBe(honest.callId);
    expect(caller.received).toEqual([]);
    expect(test.legs).toHaveLength(1);
  });
});

describe('when all is full', () => {
  it('refuses by 503 with Retry-After, and the record says busy', async () => {
    const { test, caller } = await start({ sip: { maxCalls: 1 } });
    caller.dial();
    await caller.status(180);
    caller.dial();
    const refused = await caller.final('INVITE');
    expect(refused.status).toBe(503);
    expect(Number(refused.header('retry-after'))).toBeGreaterThan(0);
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'busy', sipCode: 503 });
    expect(test.legs).toHaveLength(1);
  });

  it('takes calls again when one has ended', async () => {
    const { test, caller } = await start({ sip: { maxCalls: 1 } });
    const first = caller.dial();
    await caller.status(180);
    first.cancel();
    await test.report('leg.ended');
    caller.dial();
    await caller.status(180);
  });

  it('asks the worker, and counts the calls it has not heard of', async () => {
    let freeCalls = 2;
    const worker = createServer((_request, response) => {
      response.end(JSON.stringify({ freeCalls }));
    });
    await new Promise((resolve) => worker.listen(0, '127.0.0.1', () => resolve(undefined)));
    onTestFinished(() => {
      worker.closeAllConnections();
      worker.close();
    });
    const { port: workerPort } = worker.address() as AddressInfo;
    const { caller } = await start({ workerPort, workerMaxCalls: 2 });
    caller.dial();
    await caller.status(180);
    const second = caller.dial();
    await caller.status(180);
    caller.dial();
    expect((await caller.final('INVITE')).status).toBe(503);
    second.cancel();
    await caller.status(487);
    // The first is with the worker now.
    freeCalls = 1;
    caller.dial();
    await caller.status(180);
  });
});

describe('digest', () => {
  const auth = { username: 'u', password: 'p' };

  it('is still asked of an address whose name others have used', async () => {
    const { caller } = await start({ trunk: { auth } });
    const madeUp =
      'Authorization: Digest username="u", realm="trunkline", nonce="dGhpcyBpcyBub25lIG9mIHRoZWlycw",' +
      ' uri="sip:a@b", response="0123456789abcdef0123456789abcdef"';
    for (let count = 0; count < 50; count += 1) {
      caller.dial({ headers: [madeUp] });
      await caller.status(401);
    }
    const call = caller.dial();
    const challenge = await caller.status(401);
    call.cseq += 1;
    call.invite({ headers: [digestAnswer(challenge, call, auth)] });
    await caller.status(180);
  });

  it('is asked for and taken; nothing is opened before', async () => {
    const { test, caller } = await start({ trunk: { auth } });
    const call = caller.dial();
    const challenge = await caller.status(401);
    call.ack();
    expect(test.legs).toEqual([]);
    call.cseq += 1;
    call.invite({ headers: [digestAnswer(challenge, call, auth)] });
    await caller.status(180);
    expect(test.reports).toHaveLength(1);
  });

  it('is not asked for in the dialog', async () => {
    const { test, caller } = await start({ trunk: { auth } });
    const call = caller.dial();
    const challenge = await caller.status(401);
    call.cseq += 1;
    call.invite({ headers: [digestAnswer(challenge, call, auth)] });
    (await test.leg()).emit('agentReady');
    await call.answered();
    call.next('BYE');
    await caller.status(200, 'BYE');
  });

  it('gives the same tag to an INVITE that was sent twice', async () => {
    const { caller } = await start({ trunk: { auth } });
    const call = caller.dial();
    const first = await caller.status(401);
    caller.send(call.text('INVITE'));
    const second = await caller.status(401);
    expect(second.header('to')).toBe(first.header('to'));
  });
});

describe('a transaction', () => {
  it('of an INVITE sent twice opens one room', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    const text = call.text('INVITE', ['Content-Type: application/sdp'], sdpOf({ port: 40_000 }));
    caller.send(text);
    await caller.status(180);
    await test.leg();
    expect(test.legs).toHaveLength(1);
  });

  it('is known by sender too: another caller may use the same branch', async () => {
    const { test, caller } = await start();
    const other = await newCaller(test);
    const { branch } = caller.dial();
    await caller.status(180);
    other.dial({ branch });
    await other.status(180);
    await test.until(() => test.legs.length === 2);
  });

  it('of an INVITE that came by two ways is one call: 482', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    call.branch = newBranch();
    caller.send(call.text('INVITE', ['Content-Type: application/sdp'], sdpOf({ port: 4000 })));
    expect((await caller.final('INVITE')).status).toBe(482);
    await test.leg();
    expect(test.legs).toHaveLength(1);
  });

  it('repeats a refusal until its ACK comes', async () => {
    const { caller } = await start({ numbers: ['+15550102'] });
    const call = caller.dial();
    const first = await caller.status(404);
    const again = await caller.status(404);
    expect(again.text).toBe(first.text);
    call.toTag = /;tag=([^;\s]+)/.exec(first.header('to') ?? '')?.[1];
    call.ack();
  });
});

describe('other requests', () => {
  it('OPTIONS says what is taken', async () => {
    const { caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    call.next('OPTIONS');
    const ok = await caller.final('OPTIONS');
    expect(ok.status).toBe(200);
    expect(ok.header('allow')).toBe('INVITE, ACK, CANCEL, BYE, OPTIONS, INFO');
    expect(ok.header('accept')).toBe('application/sdp, multipart/mixed');
  });

  it.each([
    'REGISTER',
    'SUBSCRIBE',
    'MESSAGE',
    'REFER',
    'NOTIFY',
    'UPDATE',
    'PRACK',
    'PUBLISH',
    'X',
  ])('%s is not allowed', async (method) => {
    const { caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    call.next(method);
    const refused = await caller.final(method);
    expect(refused.status).toBe(405);
    expect(refused.header('allow')).toBe('INVITE, ACK, CANCEL, BYE, OPTIONS, INFO');
  });

  it.each(['BYE', 'INFO'])(
    '%s without a tag, which is of no call either, gets 481',
    async (method) => {
      const { caller } = await start();
      const call = caller.dial();
      await caller.status(180);
      call.next(method);
      expect((await caller.final(method)).status).toBe(481);
    },
  );

  it.each(['BYE', 'INFO', 'INVITE', 'OPTIONS'])('%s of no call gets 481', async (method) => {
    const { test, caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    call.toTag = 'nobody';
    call.next(method);
    expect((await caller.final(method)).status).toBe(481);
    await test.leg();
    expect(test.legs).toHaveLength(1);
  });

  it('CANCEL of no INVITE gets 481', async () => {
    const { caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    call.branch = newBranch();
    call.cancel();
    expect((await caller.final('CANCEL')).status).toBe(481);
  });
});
