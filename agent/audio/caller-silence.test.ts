import { ConnectionState } from '@livekit/rtc-node';
import type { Room } from '@livekit/rtc-node';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CallerSilence } from './caller-silence.ts';

const PACKET_MS = 20;
/** What livekit-server ends a track with. */
const BLANK_MS = 200;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A room in which packets come when `send` says so. */
function openRoom() {
  let lastPacketReceivedTimestamp = 0;
  const stats = () => ({ case: 'inboundRtp', value: { inbound: { lastPacketReceivedTimestamp } } });
  const room = {
    connectionState: ConnectionState.CONN_CONNECTED,
    on: () => room,
    getRtcStats: () =>
      Promise.resolve({ publisherStats: [], subscriberStats: [{ stats: stats() }] }),
  };
  const over = new AbortController();
  const told: number[] = [];
  return {
    told,
    silence: new CallerSilence(room as unknown as Room, over.signal, (ms) => told.push(ms)),
    close: () => over.abort(),
    send: async (ms: number) => {
      for (let sent = 0; sent < ms; sent += PACKET_MS) {
        lastPacketReceivedTimestamp = Date.now();
        await vi.advanceTimersByTimeAsync(PACKET_MS);
      }
    },
  };
}

test('the silence with which LiveKit ends a track is not the caller', async () => {
  const { silence, send, close } = openRoom();
  silence.begin();
  await send(7_000);
  // Looks are made at whole seconds: one of them falls into it.
  await vi.advanceTimersByTimeAsync(14_900);
  await send(BLANK_MS);
  expect(silence.read()).toBeGreaterThanOrEqual(14_900);
  close();
});

test('a caller who goes on after a long silence is heard', async () => {
  const { silence, send, close } = openRoom();
  silence.begin();
  await send(7_000);
  await vi.advanceTimersByTimeAsync(10_000);
  await send(3_000);
  expect(silence.read()).toBeLessThan(500);
  close();
});

test('packets that come one by one, seconds apart, are heard', async () => {
  const { silence, send, close } = openRoom();
  silence.begin();
  await send(7_000);
  for (let n = 0; n < 4; n += 1) {
    await vi.advanceTimersByTimeAsync(5_000);
    await send(PACKET_MS);
  }
  await vi.advanceTimersByTimeAsync(2_000);
  expect(silence.read()).toBeLessThan(3_000);
  close();
});

test('a silence that lasts is told of once, and so is the next one', async () => {
  const { silence, send, close, told } = openRoom();
  silence.begin();
  await send(7_000);
  expect(told).toEqual([]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toHaveLength(1);
  expect(told[0]).toBeGreaterThanOrEqual(5_000);
  await send(10_000);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toHaveLength(2);
  close();
});
