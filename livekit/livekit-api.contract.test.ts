import { dispose } from '@livekit/rtc-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { callRoom } from '../test/harness/room-caller.ts';
import { startLivekit } from '../test/harness/start-livekit.ts';
import type { TestLivekit } from '../test/harness/start-livekit.ts';
import { createLiveKit } from './livekit-api.ts';
import type { LiveKit } from './livekit-api.ts';
import type { LiveKitParticipant } from './livekit-webhook.ts';

let livekit: TestLivekit;
let rooms: LiveKit;
beforeAll(async () => {
  livekit = await startLivekit();
  rooms = createLiveKit(livekit);
});
afterAll(async () => {
  await livekit.stop();
  await dispose();
});

const anybody = () => true;
const notOnThePhone = ({ kind }: LiveKitParticipant) => kind !== 'SIP';

async function sidOf(name: string): Promise<string> {
  const [room] = await rooms.rooms(name);
  return room?.sid ?? '';
}

test('a room of the same name that was made since is left alone, with all in it', async () => {
  const before = await callRoom(livekit, 1);
  const sid = await sidOf('call-1');
  const [first] = await rooms.participants('call-1');
  await before.hangUp();
  expect(await rooms.deleteRoom({ name: 'call-1', sid }, anybody)).toBe(true);

  const caller = await callRoom(livekit, 1);
  expect(await rooms.deleteRoom({ name: 'call-1', sid }, anybody)).toBe(false);
  await rooms.removeParticipant('call-1', {
    identity: `sip_${caller.from}`,
    sid: first?.sid ?? '',
  });
  const [present] = await rooms.participants('call-1');
  expect(present?.identity).toBe(`sip_${caller.from}`);

  await rooms.removeParticipant('call-1', {
    identity: present?.identity ?? '',
    sid: present?.sid ?? '',
  });
  await vi.waitFor(() => expect(caller.presence).toBe('gone'));
});

test('somebody who may not be hung up on keeps the room', async () => {
  const caller = await callRoom(livekit, 2);
  const room = { name: 'call-2', sid: await sidOf('call-2') };
  expect(await rooms.deleteRoom(room, notOnThePhone)).toBe(false);
  expect(caller.presence).toBe('here');
  expect(await rooms.deleteRoom(room, anybody)).toBe(true);
  await vi.waitFor(() => expect(caller.presence).toBe('gone'));
});
