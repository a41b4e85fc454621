import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
  dispose,
} from '@livekit/rtc-node';
import { AccessToken } from 'livekit-server-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestLivekit } from '../../test/harness/start-livekit.ts';
import { startLivekit } from '../../test/harness/start-livekit.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { CallerSilence } from './caller-silence.ts';

const RATE = 8_000;
/** More than there is between two looks at somebody who speaks. */
const SILENT_MS = 7_000;
/** All that a source without a queue takes at a time, ms. */
const FRAME_MS = 10;
const SAMPLES = (RATE * FRAME_MS) / 1000;
const FRAME = new AudioFrame(new Int16Array(SAMPLES).fill(1_000), RATE, 1, SAMPLES);

let livekit: TestLivekit;
beforeAll(async () => {
  livekit = await startLivekit();
});
afterAll(async () => {
  await livekit.stop();
  await dispose();
});

async function join(identity: string): Promise<Room> {
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, { identity });
  token.addGrant({ roomJoin: true, room: 'silence' });
  const room = new Room();
  await room.connect(livekit.url, await token.toJwt(), { autoSubscribe: true, dynacast: false });
  return room;
}

test('packets tell for how long a caller has been silent, to the moment that they leave', async () => {
  const caller = await join('caller');
  // With a queue it would go on sending silence by itself.
  const source = new AudioSource(RATE, 1, 0);
  const track = LocalAudioTrack.createAudioTrack('voice', source);
  const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE, dtx: false });
  await caller.localParticipant?.publishTrack(track, options);
  const agent = await join('agent');
  const over = new AbortController();
  const silence = new CallerSilence(agent, over.signal, () => undefined);
  expect(silence.read()).toBeUndefined();
  silence.begin();
  const talk = setInterval(() => void source.captureFrame(FRAME), FRAME_MS);
  await waitFor(() => (silence.read() ?? 500) < 500, { what: 'the caller to speak' });

  clearInterval(talk);
  await waitFor(() => (silence.read() ?? 0) >= SILENT_MS, { timeout: 30_000, what: 'silence' });
  const leaving = new Promise<number | undefined>((resolve) => {
    agent.once(RoomEvent.ParticipantDisconnected, () => resolve(silence.read()));
  });
  await caller.disconnect();
  expect(await leaving).toBeGreaterThanOrEqual(SILENT_MS);
  await agent.disconnect();
  expect(silence.read()).toBeUndefined();
  over.abort();
});
