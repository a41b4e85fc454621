import { EventEmitter } from 'node:events';
import { initializeLogger } from '@livekit/agents';
import { ConnectionState, RoomEvent } from '@livekit/rtc-node';
import type { Room } from '@livekit/rtc-node';
import { pino } from 'pino';
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { publishVoice } from './room-audio.ts';

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));
beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A room that does with each attempt to publish what its turn says; the last for all others. */
function publishInto(...turns: (() => Promise<void>)[]) {
  const room = new EventEmitter();
  const trackPublications = new Map<string, object>();
  let tries = 0;
  const publishTrack = async () => {
    const turn = turns[Math.min(tries, turns.length - 1)];
    const sid = `TR_${tries++}`;
    await turn?.();
    const publication = { waitForSubscription: async () => undefined };
    trackPublications.set(sid, publication);
    room.emit(RoomEvent.LocalTrackPublished, publication);
    return publication;
  };
  Object.assign(room, {
    isConnected: true,
    connectionState: ConnectionState.CONN_CONNECTED,
    localParticipant: { publishTrack, trackPublications },
  });
  const failures: number[] = [];
  const onFailed = () => failures.push(tries);
  const speaker = publishVoice(room as unknown as Room, pino({ level: 'silent' }), onFailed);
  onTestFinished(() => speaker.close());
  return {
    room,
    failures,
    isThere: () => trackPublications.size === 1,
    tries: () => tries,
    takeAway() {
      trackPublications.clear();
      room.emit(RoomEvent.LocalTrackUnpublished, {});
    },
  };
}

const works = async () => undefined;
const fails = async () => {
  throw new Error('engine is closed');
};
const hangs = () => new Promise<void>(() => undefined);

test('a voice that fails to be published is tried again', async () => {
  const voice = publishInto(fails, fails, works);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(voice.isThere()).toBe(true);
  expect(voice.tries()).toBe(3);
  expect(voice.failures).toEqual([]);
});

test('a voice that cannot be published is given up', async () => {
  const voice = publishInto(fails);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(voice.failures).toEqual([3]);
});

test('a voice that is neither published nor refused is given up', async () => {
  const voice = publishInto(hangs);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(voice.failures).toEqual([1]);
});

test('a voice that is taken away comes back', async () => {
  const voice = publishInto(works);
  await vi.advanceTimersByTimeAsync(100);
  voice.takeAway();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(voice.isThere()).toBe(true);
  expect(voice.tries()).toBe(2);
});

test('nobody is told of the voice of a call that is over', async () => {
  const voice = publishInto(fails);
  Object.assign(voice.room, {
    isConnected: false,
    connectionState: ConnectionState.CONN_DISCONNECTED,
  });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(voice.failures).toEqual([]);
});
