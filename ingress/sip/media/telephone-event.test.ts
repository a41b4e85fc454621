import { expect, test } from 'vitest';
import { DtmfReceiver } from './dtmf-receiver.ts';
import { DtmfSender } from './dtmf-sender.ts';
import { dtmfCode, formatTelephoneEvent, parseTelephoneEvent } from './telephone-event.ts';

test('the payload is RFC 4733 §2.3.1', () => {
  const payload = formatTelephoneEvent({ digit: '#', end: true, duration: 800 });
  expect(payload).toEqual(Uint8Array.of(11, 0x8a, 3, 0x20));
  expect(parseTelephoneEvent(payload)).toEqual({ digit: '#', end: true, duration: 800 });
});

test.each([
  ['too short', [1, 0, 0]],
  ['a hook flash', [16, 0, 0, 80]],
  ['an unknown event', [255, 0, 0, 80]],
])('%s is no digit', (_what, bytes) => {
  expect(parseTelephoneEvent(Uint8Array.from(bytes))).toBeUndefined();
});

test('only DTMF digits have a code', () => {
  expect(['0', '*', 'd', 'x', '12', ''].map(dtmfCode)).toEqual([0, 10, 15, ...Array(3)]);
  expect(() => formatTelephoneEvent({ digit: 'x', end: false, duration: 0 })).toThrow(RangeError);
});

/** What a receiver makes of packets: [timestamp, digit, duration, end?]. */
function digits(...packets: [number, string, number, boolean?][]): string {
  const receiver = new DtmfReceiver();
  return packets
    .map(([timestamp, digit, duration, end = false]) =>
      receiver.accept(timestamp, formatTelephoneEvent({ digit, end, duration })),
    )
    .join('');
}

test('an event is one digit, however many packets it has', () => {
  expect(
    digits([8_000, '5', 160], [8_000, '5', 320], [8_000, '5', 480, true], [8_000, '5', 480, true]),
  ).toBe('5');
});

test('a lost beginning or a lost end is no lost digit', () => {
  expect(digits([8_000, '5', 480, true])).toBe('5');
  expect(digits([8_000, '5', 160], [12_000, '5', 160])).toBe('55');
});

test('what is late of an old event is nothing new', () => {
  expect(digits([8_000, '1', 160], [12_000, '2', 160], [8_000, '1', 320, true])).toBe('12');
});

test('a key held for longer than the duration field is one digit', () => {
  expect(digits([8_000, '9', 0xffff], [8_000 + 0xffff, '9', 160])).toBe('9');
  expect(digits([8_000, '9', 0xffff], [8_000 + 0xffff, '8', 160])).toBe('98');
});

/** All that is sent for the pushed digits, by slots of 20 ms; undefined: a pause. */
function slots(sender: DtmfSender) {
  const out = [];
  while (sender.active) {
    const packet = sender.next(160);
    out.push(packet && { ...packet, ...parseTelephoneEvent(packet.payload), payload: undefined });
  }
  return out;
}

test('a digit is updates, three ends and a pause', () => {
  const sender = new DtmfSender();
  sender.push('7', 60);
  const sent = slots(sender);
  const packets = sent.filter((packet) => packet !== undefined);
  expect(packets.map(({ duration, end }) => [duration, end])).toEqual([
    [160, false],
    [320, false],
    [480, true],
    [480, true],
    [480, true],
  ]);
  expect(packets.map(({ marker }) => marker)).toEqual([true, false, false, false, false]);
  expect(packets.map(({ age }) => age)).toEqual([0, 160, 320, 480, 640]);
  expect(sent.at(-1)).toBeUndefined();
});

test('a second digit begins only after the pause', () => {
  const sender = new DtmfSender();
  sender.push('1', 60);
  sender.push('2', 60);
  const sent = slots(sender);
  const begin = sent.findIndex((packet) => packet?.digit === '2');
  const end = sent.findIndex((packet) => packet?.end);
  expect(sent[begin]).toMatchObject({ age: 0, marker: true });
  expect((begin - end - 1) * 20).toBeGreaterThanOrEqual(40);
});

test('a digit is never longer than its field', () => {
  const sender = new DtmfSender();
  sender.push('1', 60_000);
  const longest = Math.max(...slots(sender).map((packet) => packet?.duration ?? 0));
  expect(longest).toBe(0xffff);
});
