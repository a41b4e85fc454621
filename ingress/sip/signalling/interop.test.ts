import { describe, expect, it } from 'vitest';
import { sdpOf } from '../fixtures/sip-client.ts';
import type { InviteOptions } from '../fixtures/sip-client.ts';
import { start } from '../fixtures/start.ts';

/** Text as the bytes it is sent in, one character each. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

const part = (sdp: string): string =>
  `--unique1\r\nContent-Type: application/sdp\r\n\r\n${sdp}\r\n` +
  '--unique1\r\nContent-Type: application/pidf+xml\r\n\r\n<presence/>\r\n--unique1--\r\n';

/** What callers and their proxies send, and what two readers may read differently. */
describe('an INVITE makes a call', () => {
  it.each<[string, InviteOptions]>([
    ['with a colon in its name', { from: '"HOTEL: Astoria" <sip:+15550199@127.0.0.1>' }],
    ['with a URI in its name', { from: '"sip:+15550666@evil <tel:+1>" <sip:+15550199@127.0.0.1>' }],
    ['with UTF-8 in its name', { from: utf8('Žluťoučký <sip:+15550199@127.0.0.1>') }],
    ['with UTF-8 in quotes', { from: utf8('"Ünal, Çelik" <sip:+15550199@127.0.0.1>') }],
    ['with Latin-1 in its name', { from: 'J\u00f6rg <sip:+15550199@127.0.0.1>' }],
    ['with a comma in Via', { via: ';x="a,b"' }],
    [
      'with a comma in Contact and Record-Route',
      {
        contact: '"Bob, B." <sip:caller@127.0.0.1:5999>;q=0.5, <sip:other@127.0.0.1>',
        headers: ['Record-Route: "a, b" <sip:127.0.0.1;lr>'],
      },
    ],
    [
      'with headers that nobody reads',
      { headers: ['Refer-To: (', 'WWW-Authenticate: (', 'call_id: x'] },
    ],
    ['with parameters behind its type', { contentType: 'Application/SDP; charset="utf-8;x"' }],
  ])('%s', async (_what, options) => {
    const { test, caller } = await start();
    const call = caller.dial(options);
    const leg = await test.leg();
    expect(leg.options.attributes).toMatchObject({
      'sip.phoneNumber': '+15550199',
      'sip.callIDFull': call.callId,
    });
    leg.emit('agentReady');
    const ok = await call.answered();
    expect(ok.header('from')).toBe(`${call.from};tag=${call.tag}`);
    expect(ok.header('via')).toContain(`branch=${call.branch}${call.via}`);
    call.next('BYE');
    expect((await caller.final('BYE')).status).toBe(200);
    expect((await test.report('leg.ended')).data.endReason).toBe('caller_hangup');
  });

  it('with the SDP as one part of its body, and so a re-INVITE and an INFO', async () => {
    const { test, caller } = await start();
    const multipart = { contentType: 'multipart/mixed;boundary=unique1' };
    const call = caller.dial({ ...multipart, sdp: part(sdpOf({ port: 40_000 })) });
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    expect((await test.report('leg.answered')).data.codec).toBe('PCMA');
    const hold = part(sdpOf({ port: 40_000, lines: ['a=inactive'] }));
    call.next('INVITE', [`Content-Type: ${multipart.contentType}`], hold);
    await call.answered();
    await test.report('leg.held');
    const digit = `--b\r\nContent-Type: application/dtmf\r\n\r\n5\r\n--b--`;
    call.next('INFO', ['Content-Type: multipart/mixed;boundary=b'], digit);
    expect((await caller.final('INFO')).status).toBe(200);
    expect(leg.digits).toEqual(['5']);
  });

  it('to nobody in particular: the number is absent, never empty', async () => {
    const { test, caller } = await start();
    caller.dial({ uri: 'sip:127.0.0.1:5060' });
    const leg = await test.leg();
    expect(leg.options.attributes).not.toHaveProperty(['sip.trunkPhoneNumber']);
    expect(leg.options.dispatchMetadata).toBe('{"line":"desk"}');
    expect((await test.report('leg.invited')).data).not.toHaveProperty('to');
  });

  it('to whom To names where the Request-URI names nobody', async () => {
    const { test, caller } = await start({ numbers: ['+73433009243'] });
    caller.dial({ uri: 'sip:127.0.0.1:5060', to: '<sip:+73433009243@127.0.0.1>' });
    await test.leg();
    expect((await test.report('leg.invited')).data.to).toBe('+73433009243');
  });

  it('whose caller is called back by their own names, to the byte', async () => {
    const { test, caller } = await start();
    const target = `sip:b%25ZZ;tgrp=x&y:z@127.0.0.1:${caller.port};ob`;
    const call = caller.dial({ from: '<sip:100%25@127.0.0.1>', contact: `"Bob, B." <${target}>` });
    const leg = await test.leg();
    leg.emit('agentReady');
    await call.answered();
    leg.emit('closed', 'participant_removed');
    const bye = await caller.request('BYE');
    expect(bye.text).toContain(`BYE ${target} SIP/2.0\r\n`);
    expect(bye.header('to')).toBe(`<sip:100%25@127.0.0.1>;tag=${call.tag}`);
  });
});

describe('an INVITE is refused', () => {
  it.each<[number, string]>([
    [301, sdpOf({ port: 4000 }).replace('c=IN IP4 127.0.0.1', 'c=IN IP6 ::1')],
    [302, sdpOf({ port: 4000, protocol: 'RTP/SAVP' })],
    [304, sdpOf({ port: 4000 }).replace('m=audio', 'm=video')],
    [305, sdpOf({ port: 4000, payloads: '18', lines: [] })],
    [399, 'hello'],
  ])('by 488 with Warning %i', async (warning, sdp) => {
    const { caller } = await start();
    caller.dial({ sdp });
    const refused = await caller.final('INVITE');
    expect(refused.status).toBe(488);
    expect(refused.header('warning')).toMatch(new RegExp(`^${warning} trunkline ".+"$`));
  });

  it('and so a re-INVITE, which ends nothing', async () => {
    const { test, caller } = await start();
    const call = caller.dial();
    (await test.leg()).emit('agentReady');
    await call.answered();
    const secure = sdpOf({ port: 4000, protocol: 'RTP/SAVP' });
    call.next('INVITE', ['Content-Type: application/sdp'], secure);
    const refused = await caller.final('INVITE');
    expect([refused.status, refused.header('warning')]).toEqual([
      488,
      '302 trunkline "RTP/AVP only"',
    ]);
    call.ack();
    call.next('BYE');
    expect((await caller.final('BYE')).status).toBe(200);
  });

  it.each([
    ['a name whose quote stays open', { from: '"Bob <sip:+15550199@127.0.0.1>' }],
    ['two URIs', { from: '<sip:+15550666@127.0.0.1> <sip:+15550199@127.0.0.1>' }],
  ])('by 400 for %s', async (_what, options) => {
    const { caller } = await start();
    caller.dial(options);
    expect((await caller.final('INVITE')).status).toBe(400);
  });
});
