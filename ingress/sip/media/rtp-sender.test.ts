import { beforeEach, expect, test } from 'vitest';
import { decodeG711 } from './g711.ts';
import { RtpSender } from './rtp-sender.ts';
import type { OutgoingPacket } from './rtp-sender.ts';
import { parseTelephoneEvent } from './telephone-event.ts';

const FORMAT = { codec: 'PCMA', payloadType: 8, dtmfPayloadType: 101, ptime: 20 } as const;

interface Sent extends OutgoingPacket {
  readonly at: number;
}

let sent: Sent[];
let now: number;
let sender: RtpSender;

beforeEach(() => {
  sent = [];
  now = 1_000;
  sender = new RtpSender(FORMAT, 0, (packet) => sent.push({ ...packet, at: now }));
});

/** Lets time pass as the session's timer would. */
function passTo(end: number): void {
  while (sender.deadline <= end) {
    now = Math.max(now, sender.deadline);
    sender.tick(now);
  }
  now = end;
}

function say(at: number, samples = 160, level = 5_000): void {
  passTo(at);
  sender.push(new Int16Array(samples).fill(level), now);
}

function loud({ payload, payloadType }: OutgoingPacket): boolean {
  return payloadType === 8 && decodeG711('PCMA', payload).some((sample) => sample > 1_000);
}

test('nothing is sent before there is something to say', () => {
  passTo(60_000);
  expect(sent).toEqual([]);
});

test('audio leaves when it comes, one timestamp step and one mark for all of it', () => {
  for (let i = 0; i < 5; i++) say(1_000 + i * 20);
  expect(sent.map(({ at }) => at)).toEqual([1_000, 1_020, 1_040, 1_060, 1_080]);
  expect(sent.map(({ timestamp }) => timestamp)).toEqual([0, 160, 320, 480, 640]);
  expect(sent.map(({ marker }) => marker)).toEqual([true, false, false, false, false]);
  expect(sent.every(({ payload }) => payload.length === 160)).toBe(true);
});

test.each([
  ['10 ms', 10, 80],
  ['30 ms', 30, 240],
])('packets of %s', (_what, ptime, samples) => {
  sender.format = { ...FORMAT, ptime };
  for (let i = 0; i < 6; i++) say(1_000 + i * 20);
  const whole = sent.slice(0, (6 * 160) / samples);
  expect(whole.every((packet) => loud(packet) && packet.payload.length === samples)).toBe(true);
  expect(whole.map(({ timestamp }) => timestamp)).toEqual(whole.map((_, i) => i * samples));
});

test('frames that come a little early or late are not held', () => {
  const arrivals = [1_000, 1_028, 1_036, 1_064, 1_075, 1_100];
  for (const at of arrivals) say(at);
  expect(sent.map(({ at }) => at)).toEqual(arrivals);
});

test('a burst is spread over time again', () => {
  for (let i = 0; i < 5; i++) say(1_000);
  passTo(1_080);
  expect(sent.map(({ at }) => at)).toEqual([1_000, 1_000, 1_020, 1_040, 1_060]);
});

test('a backlog is shortened by what is silent in it, never by speech', () => {
  for (let i = 0; i < 5; i++) say(1_000);
  for (let i = 0; i < 5; i++) say(1_000, 160, 3);
  passTo(1_140);
  expect(sent.filter(loud)).toHaveLength(5);
  expect(sent.filter(({ at }) => at < 1_080).every(loud)).toBe(true);
});

test('a backlog is bounded: the newest is kept', () => {
  for (let i = 0; i < 100; i++) say(1_000, 160, 1_000 + i * 100);
  passTo(1_640);
  const audio = sent.filter(loud);
  expect(audio.length).toBeLessThanOrEqual(33);
  expect(audio.at(-1)?.payload).toEqual(new Uint8Array(160).fill(audio.at(-1)?.payload[0] ?? 0));
  const last = decodeG711('PCMA', audio.at(-1)?.payload ?? new Uint8Array())[0] as number;
  expect(Math.abs(last - 10_900)).toBeLessThan(400);
});

test('a first frame that came late does not delay all that follow', () => {
  say(1_050);
  for (let i = 1; i < 200; i++) say(1_050 + i * 20 - 50);
  const { at } = sent.filter(loud).at(-1) as Sent;
  expect(at).toBe(1_000 + 199 * 20);
});

test('missing audio becomes silence, and the next audio is marked', () => {
  say(1_000);
  passTo(1_200);
  expect(sent.filter((packet) => !loud(packet)).length).toBeGreaterThanOrEqual(8);
  say(1_210);
  expect(sent.at(-1)).toMatchObject({ marker: true });
  const { timestamp } = sent.at(-1) as Sent;
  expect(Math.abs(timestamp / 8 - 210)).toBeLessThanOrEqual(20);
  expect(sent.slice(1, -1).some(({ marker }) => marker)).toBe(false);
});

test('silence does not drift', () => {
  say(1_000);
  passTo(61_000);
  expect(sent.length).toBe(3_001);
});

test('after a stall the missed time is skipped, not sent late', () => {
  say(1_000);
  now = 6_000;
  sender.tick(now);
  passTo(6_020);
  expect(sent.length).toBeLessThan(10);
  expect(Math.abs((sent.at(-1) as Sent).timestamp / 8 - 5_020)).toBeLessThanOrEqual(60);
});

test('of what comes in a burst after a stall of half a second nothing is lost', () => {
  say(1_000);
  now = 1_500;
  for (let i = 0; i < 25; i++) sender.push(new Int16Array(160).fill(5_000), now);
  expect(sender.backlogMs).toBeGreaterThan(400);
  passTo(2_500);
  expect(sent.filter(loud)).toHaveLength(26);
  expect(sender.backlogMs).toBe(0);
});

test('stopped, it is still, and goes on where the clock is', () => {
  say(1_000);
  sender.stop(1_010);
  passTo(5_000);
  expect(sent).toHaveLength(1);
  say(5_010);
  expect(sent).toHaveLength(2);
  expect(sent[1]).toMatchObject({ marker: true, timestamp: 160 + 200 * 160 });
});

test('a digit takes the place of audio, under one timestamp, and time goes on under it', () => {
  say(1_000);
  sender.pushDtmf('5', 100, now);
  for (let i = 1; i < 20; i++) say(1_000 + i * 20);
  const events = sent.filter(({ payloadType }) => payloadType === 101);
  expect(events.map(({ payload }) => parseTelephoneEvent(payload)?.duration)).toEqual([
    160, 320, 480, 640, 800, 800, 800,
  ]);
  expect(new Set(events.map(({ timestamp }) => timestamp))).toEqual(new Set([160]));
  const after = sent.filter((packet) => loud(packet) && packet.at > 1_020);
  expect(after[0]?.marker).toBe(true);
  expect(
    Math.abs((after[0] as Sent).timestamp / 8 - ((after[0] as Sent).at - 1_000)),
  ).toBeLessThanOrEqual(20);
});

test('without telephone-event there is nowhere to put a digit', () => {
  sender.format = { ...FORMAT, dtmfPayloadType: undefined };
  expect(sender.pushDtmf('5', 100, now)).toBe(false);
  expect(sender.deadline).toBe(Infinity);
});
