import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import * as fc from 'fast-check';
import pino from 'pino';
import { packets } from 'rtp.js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../../test/harness/wait-for.ts';
import { decodeG711, encodeG711 } from './g711.ts';
import { RtpSession } from './rtp-session.ts';
import type { RtpSessionOptions } from './rtp-session.ts';
import { formatTelephoneEvent, parseTelephoneEvent } from './telephone-event.ts';

const TONE = new Int16Array(160).fill(8_000);

let phone: Socket;
let phonePort: number;
let heard: packets.RtpPacket[];
let session: RtpSession;
let frames: Int16Array[];
let digits: string[];
let timeouts: number;

async function bindPhone(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

async function openSession(options: Partial<RtpSessionOptions> = {}): Promise<RtpSession> {
  return RtpSession.open({
    host: '127.0.0.1',
    port: 0,
    remote: { address: '127.0.0.1', port: phonePort },
    codec: 'PCMA',
    payloadType: 8,
    dtmfPayloadType: 101,
    ptime: 20,
    log: pino({ level: 'silent' }),
    onAudio: (pcm) => frames.push(pcm),
    onDtmf: (digit) => digits.push(digit),
    onTimeout: () => timeouts++,
    mediaTimeoutMs: 60_000,
    signallingAddress: '127.0.0.1',
    ...options,
  });
}

beforeEach(async () => {
  heard = [];
  frames = [];
  digits = [];
  timeouts = 0;
  phone = await bindPhone();
  phonePort = phone.address().port;
  phone.on('message', (datagram) => {
    heard.push(
      new packets.RtpPacket(
        new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength),
      ),
    );
  });
  session = await openSession();
});

afterEach(async () => {
  await session.close();
  phone.close();
});

function datagram(
  sequence: number,
  payload: Uint8Array,
  payloadType = 8,
  timestamp?: number,
  ssrc = 42,
) {
  const packet = new packets.RtpPacket();
  packet.setSsrc(ssrc);
  packet.setPayloadType(payloadType);
  packet.setSequenceNumber(sequence & 0xffff);
  packet.setTimestamp(timestamp ?? sequence * 160);
  packet.setPayload(new DataView(payload.buffer, payload.byteOffset, payload.byteLength));
  packet.serialize();
  const { buffer, byteOffset, byteLength } = packet.getView();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function dial(bytes: Uint8Array, from = phone): void {
  from.send(bytes, session.port, '127.0.0.1');
}

function payloadOf(packet: packets.RtpPacket): Uint8Array {
  const { buffer, byteOffset, byteLength } = packet.getPayload();
  return new Uint8Array(buffer, byteOffset, byteLength);
}

test.each([
  ['PCMA', 8],
  ['PCMU', 0],
] as const)('hears %s, whichever of the two was negotiated', async (codec, payloadType) => {
  for (let n = 0; n < 3; n++) dial(datagram(n, encodeG711(codec, TONE), payloadType));
  await waitFor(() => frames.length >= 3);
  expect(Math.abs((frames[2]?.[80] ?? 0) - 8_000)).toBeLessThan(300);
  expect(session.stats()).toMatchObject({ received: 3, lost: 0, late: 0 });
});

/** A packet that is known by how loud it is. */
function speech(level: number): Uint8Array {
  return encodeG711('PCMA', new Int16Array(160).fill(level));
}

function levelsHeard(since: number): number[] {
  return frames.slice(since).map((frame) => Math.round((frame[120] ?? 0) / 1_000) * 1_000);
}

test('another stream is heard from its first packet', async () => {
  for (const n of [0, 1, 2]) dial(datagram(n, speech(1_000)));
  await waitFor(() => frames.length >= 3);
  for (const n of [0, 1, 2]) dial(datagram(9_000 + n, speech((n + 3) * 1_000), 8, n * 160, 43));
  await waitFor(() => levelsHeard(3).includes(5_000));
  expect(levelsHeard(3).filter((level) => level >= 3_000)).toEqual([3_000, 4_000, 5_000]);
  expect(session.stats()).toMatchObject({ received: 6, lost: 0, late: 0 });
});

test('speech after a hold that the timestamps did not see is heard from its first packet', async () => {
  for (const n of [0, 1, 2]) dial(datagram(n, speech(1_000)));
  await waitFor(() => frames.length >= 3);
  session.update({ direction: 'inactive' });
  // Silence goes on, for longer than speech may be late.
  await waitFor(() => frames.length >= 3 + 25);
  session.update({ direction: 'sendrecv' });
  const before = frames.length;
  for (const n of [3, 4, 5]) dial(datagram(n, speech(n * 1_000)));
  await waitFor(() => levelsHeard(before).includes(5_000));
  expect(levelsHeard(before).filter((level) => level >= 3_000)).toEqual([3_000, 4_000, 5_000]);
  expect(session.stats()).toMatchObject({ lost: 0, late: 0 });
});

test("sends the agent's audio as RTP, numbers in a row", async () => {
  for (let n = 0; n < 3; n++) session.send(TONE);
  await waitFor(() => heard.length >= 3);
  const [first, second] = heard;
  expect(first?.getMarker()).toBe(true);
  expect(first?.getPayloadType()).toBe(8);
  expect(decodeG711('PCMA', payloadOf(first as packets.RtpPacket)).length).toBe(160);
  expect(((second?.getSequenceNumber() ?? 0) - (first?.getSequenceNumber() ?? 0)) & 0xffff).toBe(1);
  expect(((second?.getTimestamp() ?? 0) - (first?.getTimestamp() ?? 0)) >>> 0).toBe(160);
  expect(second?.getSsrc()).toBe(first?.getSsrc());
  expect(session.stats().sent).toBeGreaterThanOrEqual(3);
});

test('answers to where the audio comes from', async () => {
  const elsewhere = await bindPhone();
  const arrived = once(elsewhere, 'message');
  dial(datagram(1, encodeG711('PCMA', TONE)), elsewhere);
  await waitFor(() => frames.length > 0);
  session.send(TONE);
  await arrived;
  elsewhere.close();
});

test('digits: one for an event, and one event for a digit', async () => {
  for (let n = 0; n < 4; n++) {
    dial(datagram(n, formatTelephoneEvent({ digit: '4', end: n > 1, duration: 320 }), 101, 9_000));
  }
  await waitFor(() => session.stats().received === 4);
  expect(digits).toEqual(['4']);
  session.sendDtmf('9', 60);
  session.sendDtmf('not a digit');
  const isEnd = (packet: packets.RtpPacket) =>
    packet.getPayloadType() === 101 && parseTelephoneEvent(payloadOf(packet))?.end;
  await waitFor(() => heard.filter(isEnd).length === 3);
  expect(parseTelephoneEvent(payloadOf(heard.find(isEnd) as packets.RtpPacket))?.digit).toBe('9');
});

test('a changed codec and packet time are used from then on', async () => {
  session.send(TONE);
  await waitFor(() => heard.length > 0);
  session.update({ codec: 'PCMU', payloadType: 0, ptime: 10 });
  session.send(TONE);
  await waitFor(() => heard.at(-1)?.getPayloadType() === 0);
  expect(payloadOf(heard.at(-1) as packets.RtpPacket)).toHaveLength(80);
});

test('on hold nothing is sent, the room hears silence, and no time runs out', async () => {
  await session.close();
  session = await openSession({ mediaTimeoutMs: 1, direction: 'inactive' });
  for (let n = 0; n < 3; n++) dial(datagram(n, encodeG711('PCMA', TONE)));
  session.send(TONE);
  await waitFor(() => frames.length > 5);
  expect(frames.every((frame) => frame.every((sample) => sample === 0))).toBe(true);
  expect(heard).toEqual([]);
  expect(timeouts).toBe(0);
  session.update({ direction: 'sendrecv' });
  await waitFor(() => timeouts === 1);
});

test('a far end that is not heard is given up, once', async () => {
  await session.close();
  session = await openSession({ mediaTimeoutMs: 30 });
  session.send(TONE);
  await waitFor(() => timeouts > 0);
  session.send(TONE);
  const sent = heard.length;
  await waitFor(() => heard.length > sent + 5);
  expect(timeouts).toBe(1);
});

test('a taken port is an error, and closing twice is fine', async () => {
  await expect(openSession({ port: session.port })).rejects.toThrow('EADDRINUSE');
  await session.close();
  await session.close();
  session.send(TONE);
  session.update({ direction: 'sendrecv' });
  expect(session.stats().sent).toBe(0);
});

test('no datagram, however broken, does harm', async () => {
  const header = fc
    .tuple(
      fc.constantFrom(0x80, 0x90, 0xa0, 0xb0, 0x8f, 0x00),
      fc.constantFrom(0, 8, 13, 101, 0x88, 0xe5, 72),
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      fc.uint8Array({ maxLength: 400 }),
    )
    .map(([first, second, rest, payload]) => Uint8Array.of(first, second, ...rest, ...payload));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), header);
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 20 }), async (datagrams) => {
      for (const one of datagrams) dial(one);
    }),
    { numRuns: 200 },
  );
  // Another stream needs two packets in a row before it is believed.
  await waitFor(() => {
    const next = session.stats().received;
    dial(datagram(next, encodeG711('PCMA', TONE)));
    dial(datagram(next + 1, encodeG711('PCMA', TONE)));
    return frames.some((frame) => Math.abs((frame[80] ?? 0) - 8_000) < 300);
  });
  expect(frames.every((frame) => frame.length === 160)).toBe(true);
});
