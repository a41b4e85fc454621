import { dispose } from '@livekit/rtc-node';
import { RoomServiceClient } from 'livekit-server-sdk';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { callRoom } from '../test/harness/room-caller.ts';
import { startLivekit } from '../test/harness/start-livekit.ts';
import type { TestLivekit } from '../test/harness/start-livekit.ts';
import { deleteRoom, isSip, removeParticipant } from './room-removal.ts';
import type { Person } from './room-removal.ts';

let livekit: TestLivekit;
let rooms: RoomServiceClient;
beforeAll(async () => {
  livekit = await startLivekit();
  rooms = new RoomServiceClient(livekit.httpUrl, livekit.apiKey, livekit.apiSecret);
});
afterAll(async () => {
  await livekit.stop();
  await dispose();
});

const anybody = () => true;
const notOnThePhone = (person: Person) => !isSip(person);

async function sidOf(name: string): Promise<string> {
  const [room] = await rooms.listRooms([name]);
  return room?.sid ?? '';
}

test('a room of the same name that was made since is left alone, with all in it', async () => {
  const before = await callRoom(livekit, 1);
  const sid = await sidOf('call-1');
  const [first] = await rooms.listParticipants('call-1');
  await before.hangUp();
  expect(await deleteRoom(rooms, { name: 'call-1', sid }, anybody)).toBe(true);

  const caller = await callRoom(livekit, 1);
  expect(await deleteRoom(rooms, { name: 'call-1', sid }, anybody)).toBe(false);
  await removeParticipant(rooms, 'call-1', {
    identity: `sip_${caller.from}`,
    sid: first?.sid ?? '',
  });
  const [present] = await rooms.listParticipants('call-1');
  expect(present?.identity).toBe(`sip_${caller.from}`);

  await removeParticipant(rooms, 'call-1', present as Person);
  await vi.waitFor(() => expect(caller.presence).toBe('gone'));
});

test('somebody who may not be hung up on keeps the room', async () => {
  const caller = await callRoom(livekit, 2);
  const room = { name: 'call-2', sid: await sidOf('call-2') };
  expect(await deleteRoom(rooms, room, notOnThePhone)).toBe(false);
  expect(caller.presence).toBe('here');
  expect(await deleteRoom(rooms, room, anybody)).toBe(true);
  await vi.waitFor(() => expect(caller.presence).toBe('gone'));
});
