import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { sdpOf } from '../fixtures/sip-client.ts';
import { start } from '../fixtures/start.ts';

describe('a call', () => {
  it('rings at once, is answered when the agent is there, and ends with the BYE', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const ringing = await caller.status(180);
    expect(ringing.header('contact')).toContain(`127.0.0.1:${test.endpoint.port}`);
    const leg = await test.leg();
    expect(leg.options).toMatchObject({
      agentName: 'trunkline',
      identity: 'sip_+15550199',
      name: 'Phone +15550199',
      dispatchMetadata: '{"line":"desk","called":"+15550100"}',
    });
    expect(leg.options.roomName).toMatch(/^call-_\+15550199_\w{12}$/);
    expect(leg.options.attributes).toMatchObject({
      'sip.callStatus': 'ringing',
      'sip.phoneNumber': '+15550199',
      'sip.trunkPhoneNumber': '+15550100',
      'sip.callIDFull': call.callId,
      'sip.callTag': call.tag,
      'sip.trunkID': 'test-trunk',
      'sip.hostname': '127.0.0.1',
    });
    expect(test.reports.map(({ type }) => type)).toEqual(['leg.invited']);

    leg.emit('agentReady');
    const ok = await call.answered();
    expect(ok.body).toContain('a=rtpmap:8 PCMA/8000');
    expect(ok.header('allow')).toBe('INVITE,ACK,CANCEL,BYE,OPTIONS,INFO');
    const answered = await test.report('leg.answered');
    expect(answered.data).toEqual({ codec: 'PCMA', ptime: 20, dtmf: 'rfc4733' });
    await test.until(() => leg.statuses.length > 0);
    expect(leg.statuses).toEqual(['active']);

    call.next('BYE');
    await caller.status(200, 'BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
    await test.until(() => leg.closed !== undefined);
    expect(leg.closed).toEqual({ deleteRoom: false });
    expect(leg.statuses).toEqual(['active', 'hangup']);
    expect(test.endpoint.activeCalls).toEqual([]);
  });

  it('is from and to telephone numbers (RFC 3966) as well', async () => {
    const { test, caller } = await start();
    const uri = 'tel:+15550100;phone-context=example.com';
    const call = caller.dial({ uri, from: '<tel:+15550199>' });
    const leg = await test.leg();
    expect(leg.options.attributes).toMatchObject({
      'sip.phoneNumber': '+15550199',
      'sip.trunkPhoneNumber': '+15550100',
    });
    leg.emit('agentReady');
    const ok = await call.answered();
    expect(ok.header('from')).toBe(`<tel:+15550199>;tag=${call.tag}`);
    expect(ok.header('to')).toContain(`<${uri}>;tag=`);
    await test.report('leg.answered');
    call.next('BYE');
    await caller.status(200, 'BYE');
  });

  it('is set up when its turn comes: no more at once than the machine has cores', async () => {
    const cores = availableParallelism();
    const rtpPorts = { from: 30_000, to: 30_001 + 2 * cores };
    const { test, caller } = await start({ sip: { maxCalls: cores + 1, rtpPorts } });
    for (let calls = 0; calls <= cores; calls += 1) caller.dial();
    for (let calls = 0; calls <= cores; calls += 1) await caller.status(180);
    const first = await test.leg();
    expect(test.legs).toHaveLength(cores);
    first.emit('agentReady');
    await test.leg(cores);
  });

  it('is not without an agent while it waits for its turn', async () => {
    const cores = availableParallelism();
    const rtpPorts = { from: 30_000, to: 30_001 + 2 * cores };
    // Turns are over after 2 s: the last comes when the first have almost been given up.
    const sip = { maxCalls: cores + 1, rtpPorts, answerTimeoutMs: 2_500 };
    const { test, caller } = await start({ sip });
    for (let calls = 0; calls <= cores; calls += 1) caller.dial();
    const last = await test.leg(cores);
    const apologies = () => test.reports.filter(({ type }) => type === 'leg.fallback').length;
    await test.until(() => apologies() === cores);
    last.emit('agentReady');
    await test.report('leg.answered');
    expect(apologies()).toBe(cores);
  });

  it('is cancelled', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    await caller.status(180);
    const leg = await test.leg();
    call.cancel();
    await caller.status(200, 'CANCEL');
    await caller.status(487, 'INVITE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'cancelled', endedBy: 'caller', sipCode: 487 });
    await test.until(() => leg.closed !== undefined);
    expect(leg.closed).toEqual({ deleteRoom: true });
  });

  it('is greeted when its ACK has come, or a second later', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    await caller.status(200, 'INVITE');
    await test.report('leg.answered');
    expect(leg.statuses).toEqual([]);
    await call.answered(); // the 200 is repeated
    await test.until(() => leg.statuses.length > 0);

    caller.dial();
    const unacknowledged = await test.leg(1);
    unacknowledged.emit('agentReady');
    await test.until(() => unacknowledged.statuses.length > 0);
  });

  it('without an offer gets ours, and is live with the ACK', async () => {
    const { test, caller } = await start();
    const call = caller.dial({ sdp: '' });
    const leg = await test.leg();
    leg.emit('agentReady');
    const ok = await call.answered(sdpOf({ port: 40_002, payloads: '0', lines: [] }));
    expect(ok.body).toMatch(/m=audio \d+ RTP\/AVP 8 0 101/);
    const answered = await test.report('leg.answered');
    expect(answered.data).toMatchObject({ codec: 'PCMU', dtmf: 'none' });
  });

  it('without an offer ends when the ACK brings no answer either', async () => {
    const { test, caller } = await start();
    const call = caller.dial({ sdp: '' });
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    await caller.request('BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endedBy: 'carrier', endReason: 'trunk_failure' });
  });

  it('is ended by BYE when it has lasted as long as its trunk allows', async () => {
    const { test, caller } = await start({ trunk: { maxCallMs: 50 } });
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    await caller.request('BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endedBy: 'system', endReason: 'max_duration' });
  });

  it('is ended by BYE when its room is deleted', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    leg.emit('closed', 'room_deleted');
    const bye = await caller.request('BYE');
    expect(bye.header('call-id')).toBe(call.callId);
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'room_deleted' });
  });
});
