import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FakeLeg } from '../fixtures/fake-leg.ts';
import { sdpOf } from '../fixtures/sip-client.ts';
import type { Dialled, SipClient } from '../fixtures/sip-client.ts';
import { start } from '../fixtures/start.ts';
import type { TestEndpoint, TestEndpointOptions } from '../fixtures/test-endpoint.ts';

interface Talk {
  readonly test: TestEndpoint;
  readonly caller: SipClient;
  readonly call: Dialled;
  readonly leg: FakeLeg;
  /** The caller's RTP socket. */
  readonly rtp: Socket;
  /** The endpoint's RTP port. */
  readonly port: number;
}

async function talk(options: TestEndpointOptions = {}, payloads = '8 0 101'): Promise<Talk> {
  const { test, caller } = await start(options);
  const rtp = createSocket('udp4');
  rtp.bind(0, '127.0.0.1');
  await once(rtp, 'listening');
  onTestFinished(() => void rtp.close());
  const lines = payloads.includes('101') ? ['a=rtpmap:101 telephone-event/8000'] : [];
  const call = caller.dial({ sdp: sdpOf({ port: rtp.address().port, payloads, lines }) });
  const leg = await test.leg();
  leg.emit('agentReady');
  const ok = await call.answered();
  const port = Number(/m=audio (\d+)/.exec(ok.body)?.[1]);
  return { test, caller, call, leg, rtp, port };
}

function packet(
  payloadType: number,
  sequence: number,
  payload: Buffer,
  timestamp?: number,
): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = payloadType;
  header.writeUInt16BE(sequence, 2);
  header.writeUInt32BE(timestamp ?? sequence * 160, 4);
  header.writeUInt32BE(0x1234, 8);
  return Buffer.concat([header, payload]);
}

function reinvite(call: Dialled, sdp: string): void {
  call.next('INVITE', ['Content-Type: application/sdp'], sdp);
}

describe('media', () => {
  it('goes both ways', async () => {
    const { test, leg, rtp, port } = await talk();
    // A-law 0xaa is as loud as it gets.
    for (let n = 1; n <= 10; n += 1) rtp.send(packet(8, n, Buffer.alloc(160, 0xaa)), port);
    await test.until(() => leg.heard.some((frame) => frame.some((sample) => sample > 10_000)));
    expect(leg.heard.every((frame) => frame.length === 160)).toBe(true);

    leg.emit('audio', new Int16Array(160).fill(8_000));
    const [datagram] = (await once(rtp, 'message')) as [Buffer];
    expect(datagram.length).toBe(172);
    expect((datagram[1] ?? 0) & 0x7f).toBe(8);
  });

  it.each([
    { recordDigits: true, reported: [{ digit: '5' }, { digit: '#' }] },
    // They may be of a card or a PIN: how many and when is told, not which.
    { recordDigits: false, reported: [{}, {}] },
  ])('brings digits by RFC 4733 and by INFO: $recordDigits', async ({ recordDigits, reported }) => {
    const { test, caller, call, leg, rtp, port } = await talk({ recordDigits });
    const five = Buffer.from([5, 0x8a, 0x03, 0x20]);
    for (const n of [1, 2, 3]) rtp.send(packet(101, n, five, 160), port);
    await test.until(() => leg.digits.length === 1);
    call.next('INFO', ['Content-Type: application/dtmf-relay'], 'Signal=#\r\nDuration=160\r\n');
    expect((await caller.final('INFO')).status).toBe(200);
    expect(leg.digits).toEqual(['5', '#']);
    call.next('INFO', ['Content-Type: text/plain'], 'hello');
    expect((await caller.final('INFO')).status).toBe(415);
    const digits = test.reports.filter((report) => report.type === 'leg.dtmf');
    expect(digits.map(({ data }) => data)).toEqual(reported);
  });

  it("takes the agent's digits to the caller, by INFO where there is no RFC 4733", async () => {
    const { leg, rtp } = await talk();
    const event = new Promise<Buffer>((resolve) => {
      rtp.on('message', (datagram) => {
        if (((datagram[1] ?? 0) & 0x7f) === 101) resolve(datagram);
      });
    });
    leg.emit('dtmf', '7');
    expect((await event)[12]).toBe(7);

    const plain = await talk({}, '8');
    plain.leg.emit('dtmf', '7');
    expect((await plain.caller.request('INFO')).body).toContain('Signal=7');
  });

  it('ends the call when the caller has vanished', async () => {
    const { test, caller, leg } = await talk({ sip: { mediaTimeoutMs: 60 } });
    leg.emit('audio', new Int16Array(160));
    const ended = await test.report('leg.ended');
    expect(ended.data).toMatchObject({ endReason: 'media_timeout', endedBy: 'carrier' });
    await caller.request('BYE');
    await test.until(() => leg.closed !== undefined);
  });
});

describe('a re-INVITE', () => {
  it('holds and resumes, and says so', async () => {
    const { test, caller, call, leg, rtp } = await talk({ sip: { mediaTimeoutMs: 300 } });
    const { port } = rtp.address();
    reinvite(call, sdpOf({ port, payloads: '8', lines: ['a=sendonly'] }));
    const held = await caller.status(200, 'INVITE');
    expect(held.body).toContain('a=recvonly');
    expect(held.header('contact')).toContain(`127.0.0.1:${test.endpoint.port}`);
    call.ack();
    await test.report('leg.held');

    reinvite(call, sdpOf({ port, payloads: '8', lines: ['a=inactive'] }));
    expect((await caller.status(200, 'INVITE')).body).toContain('a=inactive');
    call.ack();

    reinvite(call, sdpOf({ port, payloads: '8', lines: ['a=sendrecv'] }));
    const resumed = await caller.status(200, 'INVITE');
    expect(resumed.body).toContain('a=sendrecv');
    call.ack();
    await test.report('leg.resumed');
    const versions = [held, resumed].map(({ body }) => Number(/^o=- \d+ (\d+)/m.exec(body)?.[1]));
    expect(versions[1]).toBe((versions[0] ?? 0) + 2);
    // The media timeout runs again.
    leg.emit('audio', new Int16Array(160));
    const ended = await test.report('leg.ended');
    expect(ended.data.endReason).toBe('media_timeout');
  });

  it('changes the codec', async () => {
    const { caller, call, leg, rtp } = await talk();
    const { port } = rtp.address();
    reinvite(call, sdpOf({ port, payloads: '0', lines: [] }));
    expect((await caller.status(200, 'INVITE')).body).toMatch(/m=audio \d+ RTP\/AVP 0\r/);
    call.ack();
    leg.emit('audio', new Int16Array(160));
    const [datagram] = (await once(rtp, 'message')) as [Buffer];
    expect((datagram[1] ?? 0) & 0x7f).toBe(0);
  });

  it('that asks for what we cannot do is refused, and the call goes on', async () => {
    const { test, caller, call, leg } = await talk();
    reinvite(call, sdpOf({ port: 4000, payloads: '18', lines: [] }));
    expect((await caller.final('INVITE')).status).toBe(488);
    call.ack();
    leg.emit('closed', 'participant_removed');
    const bye = await caller.request('BYE');
    expect(bye.header('cseq')).toBe('1 BYE');
    expect((await test.report('leg.ended')).data.endReason).toBe('operator_hangup');
  });

  it('without SDP gets our offer', async () => {
    const { caller, call } = await talk();
    call.next('INVITE');
    const ok = await caller.status(200, 'INVITE');
    expect(ok.body).toMatch(/m=audio \d+ RTP\/AVP 8 0 101/);
    call.ack(sdpOf({ port: 4000, payloads: '0', lines: [] }));
    call.next('BYE');
    await caller.status(200, 'BYE');
  });

  it('that comes while another waits for its ACK is put off', async () => {
    const { caller, call } = await talk();
    reinvite(call, sdpOf({ port: 4000 }));
    await caller.status(200, 'INVITE');
    reinvite(call, sdpOf({ port: 4002 }));
    const refused = await caller.next(
      ({ status, cseq }) => status >= 400 && cseq.endsWith('INVITE'),
    );
    expect(refused.status).toBe(500);
    expect(refused.header('retry-after')).toBeDefined();
  });
});
