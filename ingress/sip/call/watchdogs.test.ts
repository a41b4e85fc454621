import { Timers } from 'sip.js/lib/core/index.js';
import { afterEach, describe, expect, it } from 'vitest';
import { sdpOf } from '../fixtures/sip-client.ts';
import type { Received } from '../fixtures/sip-client.ts';
import { newCaller, start } from '../fixtures/start.ts';

const { TIMER_L } = Timers;
const answersReinvite = ({ status, cseq }: Received): boolean =>
  status === 200 && cseq === '2 INVITE';

afterEach(() => {
  Timers.TIMER_L = TIMER_L;
});

describe('no caller is left ringing or in silence', () => {
  it('without an agent there is an apology, then the end', async () => {
    const { test, caller } = await start({ sip: { answerTimeoutMs: 50 } });
    const call = caller.dial();
    const leg = await test.leg();
    await call.answered();
    const fallback = await test.report('leg.fallback');
    expect(fallback.data).toEqual({ reason: 'no_agent', action: 'apology' });
    await test.until(() => leg.closed !== undefined);
    expect(leg.closed).toEqual({ deleteRoom: true });
    // An agent that comes now is too late, and a caller who hangs up was still not served.
    leg.emit('agentReady');
    call.next('BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'no_agent', endedBy: 'system' });
    expect(leg.statuses).not.toContain('active');
  });

  it('without a room there is a refusal at once', async () => {
    const { test, caller } = await start({
      openLeg: async () => {
        throw new Error('connect ECONNREFUSED');
      },
    });
    caller.dial();
    const refused = await caller.final('INVITE');
    expect(refused.status).toBe(503);
    expect(refused.header('retry-after')).toBeDefined();
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'service_lost', sipCode: 503 });
  });

  it('a room that comes after the caller has gone is left', async () => {
    const opening = Promise.withResolvers<unknown>();
    let closed = false;
    const { test, caller } = await start({
      openLeg: async () => {
        await opening.promise;
        return {
          roomSid: 'RM',
          participantSid: 'PA',
          write: () => undefined,
          sendDtmf: () => undefined,
          setStatus: async () => undefined,
          close: async () => {
            closed = true;
          },
          on: () => undefined,
        };
      },
    });
    const call = caller.dial();
    await caller.status(180);
    call.cancel();
    await test.report('leg.ended');
    opening.resolve(undefined);
    await expect.poll(() => closed).toBe(true);
  });

  it('when the room is lost in mid-call the caller hears so', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    leg.emit('closed', 'connection_lost');
    expect((await test.report('leg.fallback')).data.reason).toBe('agent_lost');
    call.next('BYE');
    await test.report('leg.ended');
  });

  it('an agent that leaves and comes back is forgiven', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    leg.emit('agentGone');
    leg.emit('agentBack');
    call.next('BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data.endReason).toBe('caller_hangup');
  });

  it('without an ACK the 200 is repeated, then comes a BYE', async () => {
    Timers.TIMER_L = 700;
    const { test, caller } = await start();
    caller.dial();
    (await test.leg()).emit('agentReady');
    await caller.status(200, 'INVITE');
    await caller.status(200, 'INVITE');
    const bye = await caller.request('BYE');
    expect(bye.header('via')).toContain(`127.0.0.1:${test.endpoint.port}`);
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'trunk_failure' });
  });

  it("without an ACK a re-INVITE's 200 is repeated, then comes a BYE", async () => {
    Timers.TIMER_L = 700;
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    call.next('INVITE', ['Content-Type: application/sdp'], sdpOf({ port: 40_002 }));
    await caller.next(answersReinvite);
    await caller.next(answersReinvite);
    await caller.request('BYE');
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'trunk_failure', endedBy: 'carrier' });
  });

  it('a BYE waits for the ACK, and is repeated until it is answered', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const leg = await test.leg();
    leg.emit('agentReady');
    const ok = await caller.status(200, 'INVITE');
    leg.emit('closed', 'participant_removed');
    await test.report('leg.ended');
    expect(caller.received.filter(({ method }) => method === 'BYE')).toEqual([]);
    call.toTag = /;tag=([^;\s]+)/.exec(ok.header('to') ?? '')?.[1];
    call.ack();
    const first = await caller.request('BYE');
    const second = await caller.request('BYE');
    expect(second.text).toBe(first.text);
  });

  it('a caller may end an early dialog by BYE', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    const ringing = await caller.status(180);
    call.toTag = /;tag=([^;\s]+)/.exec(ringing.header('to') ?? '')?.[1];
    call.next('BYE');
    await caller.status(200, 'BYE');
    await caller.status(487, 'INVITE');
    expect((await test.report('leg.ended')).data.endReason).toBe('cancelled');
  });
});

describe('on its way down', () => {
  it('takes no new calls, waits for those that are up, and ends them at the limit', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    const drained = test.endpoint.drain(60_000);
    expect(test.endpoint.isReady).toBe(false);
    const late = await newCaller(test);
    late.dial();
    const refused = await late.final('INVITE');
    expect(refused.status).toBe(503);
    expect(refused.header('retry-after')).toBeDefined();
    call.next('BYE');
    await caller.status(200, 'BYE');
    await drained;
  });

  it('ends by BYE what does not end by itself', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    await test.endpoint.drain(20);
    const closing = test.endpoint.close();
    await caller.request('BYE');
    expect((await test.report('leg.ended')).data.endReason).toBe('service_lost');
    await closing;
  });
});
