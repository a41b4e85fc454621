import { EventEmitter } from 'node:events';
import {
  ConnectionState,
  DisconnectReason,
  ParticipantKind,
  RoomEvent,
  TrackKind,
} from '@livekit/rtc-node';
import type { RemoteParticipant, Room } from '@livekit/rtc-node';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Ending } from './ending.ts';
import { followCaller } from './follow-caller.ts';

/** What the agent sees of a room; what LiveKit really shows is in test/livekit-nodes.sound.test.ts. */
class FakeRoom extends EventEmitter {
  readonly remoteParticipants = new Map<string, RemoteParticipant>();
  connectionState = ConnectionState.CONN_CONNECTED;

  join(person: RemoteParticipant): void {
    this.remoteParticipants.set(person.identity, person);
    this.emit(RoomEvent.ParticipantConnected, person);
  }

  leave({ identity }: RemoteParticipant, reason?: DisconnectReason): void {
    const person = this.remoteParticipants.get(identity) as RemoteParticipant;
    this.remoteParticipants.delete(identity);
    this.emit(RoomEvent.ParticipantDisconnected, changed(person, { disconnectReason: reason }));
  }

  loseConnection(): void {
    this.connectionState = ConnectionState.CONN_RECONNECTING;
    for (const person of this.remoteParticipants.values()) this.leave(person);
  }

  reconnect(...people: RemoteParticipant[]): void {
    for (const person of people) this.remoteParticipants.set(person.identity, person);
    this.connectionState = ConnectionState.CONN_CONNECTED;
    this.emit(RoomEvent.Reconnected);
  }
}

function person(
  identity: string,
  kind: ParticipantKind,
  attributes: Record<string, string> = {},
  speaks = false,
): RemoteParticipant {
  const tracks = speaks ? [['TR_1', { kind: TrackKind.KIND_AUDIO }]] : [];
  return {
    identity,
    sid: `PA_${identity}`,
    info: { kind },
    attributes,
    trackPublications: new Map(tracks as never),
  } as unknown as RemoteParticipant;
}
function changed(one: RemoteParticipant, change: Partial<RemoteParticipant>): RemoteParticipant {
  return Object.assign(Object.create(one) as RemoteParticipant, change);
}

const active = { 'sip.callID': 'SCL_1', 'sip.callStatus': 'active' };
const phone = person('sip_1', ParticipantKind.SIP, active);
const phoneAgain = changed(phone, { sid: 'PA_again' });
const otherPhone = person('sip_2', ParticipantKind.SIP, { 'sip.callID': 'SCL_2' });
const listener = person('listener', ParticipantKind.STANDARD);
const talker = person('talker', ParticipantKind.STANDARD, {}, true);
const agent = person('agent-AJ_2', ParticipantKind.AGENT, {}, true);

let room: FakeRoom;
let over: AbortController;
let told: (string | Ending)[];

beforeEach(() => {
  vi.useFakeTimers();
  room = new FakeRoom();
  over = new AbortController();
  told = [];
});
afterEach(() => {
  over.abort();
  expect(room.eventNames()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function follow(...present: RemoteParticipant[]): void {
  for (const one of present) room.join(one);
  const events = {
    onMet: ({ identity }: RemoteParticipant) => told.push(`met ${identity}`),
    onBack: ({ sid }: RemoteParticipant) => told.push(`back ${sid}`),
    onLeft: (ending: Ending) => told.push(ending),
  };
  followCaller(room as unknown as Room, events, over.signal);
}

const hungUp = { endedBy: 'caller', endReason: 'caller_hangup' };
const hangUp = (who: RemoteParticipant) => {
  const attributes = { ...who.attributes, 'sip.callStatus': 'hangup' };
  room.remoteParticipants.set(who.identity, changed(who, { attributes }));
  room.leave(who, DisconnectReason.CLIENT_INITIATED);
};

describe('the caller is who is on the telephone', () => {
  test.each([
    ['before them', [listener, phone]],
    ['after them', [phone, listener]],
    ['and speaks, as does another agent', [agent, talker, phone]],
  ])('a listener is in the room %s, and leaves', (_when, people) => {
    follow(...people);
    for (const other of people.filter((one) => one !== phone)) room.leave(other);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(['met sip_1']);
    hangUp(phone);
    expect(told).toMatchObject(['met sip_1', hungUp]);
  });

  test('a listener is there for a moment before them', () => {
    follow(listener);
    vi.advanceTimersByTime(2_900);
    room.join(phone);
    room.leave(listener);
    expect(told).toEqual(['met sip_1']);
  });

  test('they take the place of who was taken for the caller, whose leaving ends nothing', () => {
    follow(talker);
    room.join(phone);
    room.leave(talker);
    expect(told).toEqual(['met talker', 'met sip_1']);
    hangUp(phone);
    expect(told[2]).toMatchObject(hungUp);
  });

  test('nobody takes the place of one who is there', () => {
    follow(phone);
    room.join(otherPhone);
    room.leave(otherPhone);
    expect(told).toEqual(['met sip_1']);
  });
});

describe('without a telephone', () => {
  test('who speaks is met at once, who is silent after a while; their leaving is the end', () => {
    follow(listener);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(3_000);
    expect(told).toEqual(['met listener']);
    room.join(talker);
    room.leave(talker);
    expect(told).toEqual(['met listener']);
    room.leave(listener, DisconnectReason.CLIENT_INITIATED);
    expect(told[1]).toMatchObject(hungUp);
  });

  test('who speaks is met rather than who came first', () => {
    follow(listener, talker);
    expect(told).toEqual(['met talker']);
  });

  test('who begins to speak is met then', () => {
    follow(listener);
    const { trackPublications } = talker;
    room.remoteParticipants.set('listener', changed(listener, { trackPublications }));
    room.emit(RoomEvent.TrackPublished);
    expect(told).toEqual(['met listener']);
  });
});

describe('a connection that is lost is nobody’s end', () => {
  test('ours: the caller is there when we are back', () => {
    follow(phone);
    room.loseConnection();
    room.reconnect(phoneAgain);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual(['met sip_1', 'back PA_again']);
    hangUp(phoneAgain);
    expect(told[2]).toMatchObject(hungUp);
  });

  test('ours and theirs: the caller comes back after us', () => {
    follow(phone, listener);
    room.loseConnection();
    room.reconnect(listener);
    vi.advanceTimersByTime(11_000);
    room.join(otherPhone);
    room.join(phoneAgain);
    expect(told).toEqual(['met sip_1', 'back PA_again']);
  });

  test('theirs: what was left of them is replaced', () => {
    follow(phone);
    room.leave(phone, DisconnectReason.DUPLICATE_IDENTITY);
    room.join(phoneAgain);
    expect(told).toEqual(['met sip_1', 'back PA_again']);
  });

  test('a telephone that comes while the person with a browser is away', () => {
    follow(talker);
    room.loseConnection();
    room.reconnect(phone);
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([`met ${talker.identity}`, 'met sip_1']);
  });

  test('a caller who does not come back has not hung up', () => {
    follow(phone);
    room.loseConnection();
    room.reconnect();
    vi.advanceTimersByTime(19_900);
    expect(told).toEqual(['met sip_1']);
    vi.advanceTimersByTime(100);
    expect(told[1]).toMatchObject({ endedBy: 'system', endReason: 'service_lost' });
  });

  test('another call of the same caller is not theirs', () => {
    follow(phone);
    room.leave(phone, DisconnectReason.DUPLICATE_IDENTITY);
    room.join(person('sip_1', ParticipantKind.SIP, { 'sip.callID': 'SCL_9' }));
    expect(told).toEqual(['met sip_1']);
  });
});

test('a caller whom livekit-sip has given up is not waited for until its BYE is', () => {
  follow(phone);
  phone.attributes['sip.callStatus'] = 'hangup';
  room.emit(RoomEvent.ParticipantAttributesChanged);
  phone.attributes['sip.callStatus'] = 'active';
  vi.advanceTimersByTime(2_900);
  expect(told).toEqual(['met sip_1']);
  vi.advanceTimersByTime(100);
  expect(told[1]).toMatchObject({ endReason: 'media_timeout', detail: 'BYE unanswered' });
});
