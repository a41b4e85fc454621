import {
  AudioFrame,
  AudioSource,
  AudioStream,
  LocalAudioTrack,
  ParticipantKind,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import type { RemoteParticipant } from '@livekit/rtc-node';
import {
  AccessToken,
  AgentDispatchClient,
  RoomServiceClient,
  TrackSource as ServerTrackSource,
} from 'livekit-server-sdk';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { roomsListening } from '../livekit/leave-room.ts';
import { startLivekit } from '../test/harness/start-livekit.ts';
import type { TestLivekit } from '../test/harness/start-livekit.ts';
import { waitFor } from '../test/harness/wait-for.ts';
import { RoomLeg } from './leg.ts';

const log = pino({ level: 'silent' });
const toClose: (() => Promise<void>)[] = [];
let livekit: TestLivekit;
let rooms: RoomServiceClient;
let roomCount = 0;

beforeAll(async () => {
  livekit = await startLivekit();
  rooms = new RoomServiceClient(livekit.httpUrl, livekit.apiKey, livekit.apiSecret);
});
afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});
afterAll(() => livekit.stop());

async function openLeg(roomName = `call-test-${roomCount++}`) {
  const leg = await RoomLeg.open(
    {
      livekit,
      agentName: 'nobody',
      roomName,
      identity: 'sip_+15550100',
      name: 'Phone +15550100',
      attributes: { 'sip.callID': 'SCL_test', 'sip.callStatus': 'ringing' },
      dispatchMetadata: '{"line":"desk"}',
      log,
    },
    AbortSignal.timeout(10_000),
  );
  const events: string[] = [];
  for (const event of ['agentReady', 'agentGone', 'agentBack'] as const) {
    leg.on(event, () => events.push(event));
  }
  leg.on('closed', (reason) => events.push(`closed ${reason}`));
  leg.on('dtmf', (digit) => events.push(`dtmf ${digit}`));
  toClose.push(() => leg.close({ deleteRoom: true }));
  return { leg, roomName, events };
}

/** A participant of kind agent that says a tone without end. */
async function joinAsAgent(roomName: string, identity = 'agent') {
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, { identity });
  token.kind = 'agent';
  token.addGrant({ roomJoin: true, room: roomName, canPublishData: true });
  const room = new Room();
  await room.connect(livekit.url, await token.toJwt(), { autoSubscribe: true, dynacast: false });
  const source = new AudioSource(24_000, 1, 0);
  const track = LocalAudioTrack.createAudioTrack('agent', source);
  await room.localParticipant?.publishTrack(
    track,
    new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
  );
  const tone = Int16Array.from({ length: 240 }, (_, i) => 8_000 * Math.sin((i * Math.PI) / 12));
  const speaking = setInterval(() => {
    source.captureFrame(new AudioFrame(tone, 24_000, 1, 240)).catch(() => clearInterval(speaking));
  }, 10);
  const leave = async () => {
    clearInterval(speaking);
    await room.disconnect();
    await source.close();
  };
  toClose.push(leave);
  return { room, leave };
}

function loudest(pcm: Int16Array): number {
  return pcm.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
}

async function callerIn(room: Room): Promise<RemoteParticipant> {
  return waitFor(() => room.remoteParticipants.get('sip_+15550100'), { what: 'the caller' });
}

test('joins as livekit-sip would, with the agent dispatched into the room', async () => {
  const { leg, roomName } = await openLeg();
  const [room] = await rooms.listRooms([roomName]);
  expect(room).toMatchObject({ sid: leg.roomSid, metadata: '{"line":"desk"}' });
  const caller = await rooms.getParticipant(roomName, 'sip_+15550100');
  expect(caller).toMatchObject({
    sid: leg.participantSid,
    kind: ParticipantKind.SIP,
    name: 'Phone +15550100',
    attributes: { 'sip.callID': 'SCL_test', 'sip.callStatus': 'ringing' },
  });
  await waitFor(async () => {
    const { tracks } = await rooms.getParticipant(roomName, 'sip_+15550100');
    return tracks[0]?.source === ServerTrackSource.MICROPHONE;
  });

  const dispatches = new AgentDispatchClient(livekit.httpUrl, livekit.apiKey, livekit.apiSecret);
  expect(await dispatches.listDispatch(roomName)).toMatchObject([
    { agentName: 'nobody', metadata: '{"line":"desk"}' },
  ]);

  await leg.setStatus('active');
  await waitFor(async () => {
    const { attributes } = await rooms.getParticipant(roomName, 'sip_+15550100');
    return attributes['sip.callStatus'] === 'active' && attributes['sip.callID'] === 'SCL_test';
  });
});

test('audio goes both ways between caller and agent', async () => {
  const { leg, roomName, events } = await openLeg();
  const frames: Int16Array[] = [];
  leg.on('audio', (pcm) => frames.push(pcm));
  const { room } = await joinAsAgent(roomName);
  await waitFor(() => frames.some((pcm) => loudest(pcm) > 4_000), { what: 'the tone' });
  expect(events).toEqual(['agentReady']);
  expect(new Set(frames.map((pcm) => pcm.length))).toEqual(new Set([160]));

  const heard: number[] = [];
  await callerIn(room);
  const track = await waitFor(() => {
    const [publication] =
      room.remoteParticipants.get('sip_+15550100')?.trackPublications.values() ?? [];
    return publication?.track;
  });
  const reader = new AudioStream(track, { sampleRate: 16_000, numChannels: 1 }).getReader();
  const listening = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard.push(loudest(value.data));
    }
  })();
  const tone = Int16Array.from({ length: 160 }, (_, i) => 8_000 * Math.sin((i * Math.PI) / 4));
  const speaking = setInterval(() => leg.write(tone), 20);
  await waitFor(() => heard.some((peak) => peak > 4_000), { what: "the caller's tone" });
  clearInterval(speaking);
  await reader.cancel();
  await listening;
});

test('an agent that was there first is heard too', async () => {
  const { roomName } = await openLeg();
  await joinAsAgent(roomName);
  const late = await openLeg(roomName);
  await waitFor(() => late.events.includes('agentReady'));
});

test('only an agent counts as one', async () => {
  const { leg, roomName, events } = await openLeg();
  const frames: Int16Array[] = [];
  leg.on('audio', (pcm) => frames.push(pcm));
  const token = new AccessToken(livekit.apiKey, livekit.apiSecret, { identity: 'listener' });
  token.addGrant({ roomJoin: true, room: roomName });
  const listener = new Room();
  await listener.connect(livekit.url, await token.toJwt(), {
    autoSubscribe: false,
    dynacast: false,
  });
  const source = new AudioSource(24_000, 1, 0);
  await listener.localParticipant?.publishTrack(
    LocalAudioTrack.createAudioTrack('listener', source),
    new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE }),
  );
  toClose.push(
    () => listener.disconnect(),
    () => source.close(),
  );
  // The agent comes later, so when it is heard the listener could have been.
  await joinAsAgent(roomName);
  await waitFor(() => frames.length > 0);
  expect(events).toEqual(['agentReady']);
  await listener.disconnect();
  await waitFor(() => !listener.isConnected);
  expect(events).toEqual(['agentReady']);
});

test('an agent that leaves and another that comes are told', async () => {
  const { roomName, events } = await openLeg();
  const first = await joinAsAgent(roomName, 'agent-1');
  await waitFor(() => events.includes('agentReady'));
  await first.leave();
  await waitFor(() => events.includes('agentGone'));
  await joinAsAgent(roomName, 'agent-2');
  await waitFor(() => events.includes('agentBack'));
  expect(events).toEqual(['agentReady', 'agentGone', 'agentBack']);
});

test('of two agents one leaves, and the other is heard', async () => {
  const { leg, roomName, events } = await openLeg();
  await joinAsAgent(roomName, 'agent-1');
  await waitFor(() => events.includes('agentReady'));
  const second = await joinAsAgent(roomName, 'agent-2');
  await waitFor(() => events.includes('agentBack'));
  await second.leave();
  await waitFor(() => events.length === 3);
  const frames: Int16Array[] = [];
  leg.on('audio', (pcm) => frames.push(pcm));
  await waitFor(() => frames.some((pcm) => loudest(pcm) > 4_000), { what: 'the first again' });
  expect(events).toEqual(['agentReady', 'agentBack', 'agentBack']);
});

test('digits go both ways', async () => {
  const { leg, roomName, events } = await openLeg();
  const { room } = await joinAsAgent(roomName);
  const digits: string[] = [];
  room.on(RoomEvent.DtmfReceived, (code, digit) => digits.push(`${code} ${digit}`));
  await callerIn(room);
  await waitFor(() => events.includes('agentReady'));
  for (const digit of '5#x') leg.sendDtmf(digit);
  await waitFor(() => digits.length === 2);
  expect(digits.sort()).toEqual(['11 #', '5 5']);
  await room.localParticipant?.publishDtmf(10, '*');
  await waitFor(() => events.includes('dtmf *'));
});

test('a room that is deleted while it is told of the answer is no failure', async () => {
  const { leg, roomName, events } = await openLeg();
  const told = leg.setStatus('active');
  await rooms.deleteRoom(roomName);
  await told;
  await waitFor(() => events.length > 0);
  expect(events).toEqual(['closed room_deleted']);
});

test('a deleted room and a removed participant close the leg, and nothing of it stays', async () => {
  const before = roomsListening();
  const deleted = await openLeg();
  const removed = await openLeg();
  await rooms.deleteRoom(deleted.roomName);
  await rooms.removeParticipant(removed.roomName, 'sip_+15550100');
  await waitFor(() => deleted.events.length > 0 && removed.events.length > 0);
  expect(deleted.events).toEqual(['closed room_deleted']);
  expect(removed.events).toEqual(['closed participant_removed']);
  await Promise.all([deleted.leg.close(), removed.leg.close()]);
  expect(roomsListening()).toBe(before);
});

test('closing leaves no room behind, says nothing, and is fine twice', async () => {
  const { leg, roomName, events } = await openLeg();
  await leg.close({ deleteRoom: true });
  await leg.close();
  leg.write(new Int16Array(160));
  leg.sendDtmf('1');
  await leg.setStatus('hangup');
  expect(await rooms.listRooms([roomName])).toEqual([]);
  expect(events).toEqual([]);
});

test('an aborted or refused leg leaves no room behind', async () => {
  const base = {
    livekit,
    agentName: 'nobody',
    identity: 'sip_1',
    name: 'Phone 1',
    attributes: {},
    dispatchMetadata: '',
    log,
  };
  const abort = new AbortController();
  const opening = RoomLeg.open({ ...base, roomName: 'call-aborted' }, abort.signal);
  abort.abort(new Error('cancelled by the caller'));
  await expect(opening).rejects.toThrow('cancelled by the caller');
  const wrongSecret = { ...livekit, apiSecret: 'x'.repeat(32) };
  await expect(
    RoomLeg.open(
      { ...base, livekit: wrongSecret, roomName: 'call-refused' },
      AbortSignal.timeout(5_000),
    ),
  ).rejects.toThrow();
  await waitFor(async () => {
    const left = await rooms.listRooms(['call-aborted', 'call-refused']);
    return left.length === 0;
  });
});
