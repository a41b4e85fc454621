import { expect, test } from 'vitest';
import type { CallEvent, LeaveReason, SipData } from '../calls/events.ts';
import { fold } from '../calls/fold.ts';

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, seconds)).toISOString();
const caller = (stay: number, room = 1) => ({
  sipCallId: 'SCL_1',
  participantSid: `PA_${stay}`,
  roomSid: `RM_${room}`,
  roomName: 'call-1',
});
const agent = (stay: number, room = 1) => ({
  jobId: 'AJ_1',
  participantSid: `PA_agent${stay}`,
  roomSid: `RM_${room}`,
});
type Who = ReturnType<typeof caller> | ReturnType<typeof agent>;

let ids = 0;
function tell(seconds: number, correlation: object, body: object): CallEvent {
  ids += 1;
  return { id: `E${ids}`, source: 'webhook', at: at(seconds), correlation, ...body } as CallEvent;
}

const data = (who: Who, joined: number, status: SipData['status']) =>
  'jobId' in who
    ? { kind: 'agent', identity: 'agent-AJ_1', joinedAt: at(joined) }
    : {
        kind: 'sip',
        identity: 'sip_1',
        joinedAt: at(joined),
        sip: { direction: 'inbound', ingress: 'livekit-sip', status },
      };
const joins = (who: Who, joined: number, status: SipData['status'] = 'ringing') =>
  tell(joined, who, { type: 'participant.joined', data: data(who, joined, status) });
const leaves = (
  who: Who,
  joined: number,
  left: number,
  reason: LeaveReason = 'connection_lost',
) => {
  const gone = data(who, joined, reason === 'left' ? 'hangup' : 'active');
  return tell(left, who, { type: 'participant.left', data: { ...gone, reason } });
};
const roomFinishes = (seconds: number, room = 1) =>
  tell(seconds, { roomSid: `RM_${room}`, roomName: 'call-1' }, { type: 'room.finished', data: {} });
const speaks = tell(2, { jobId: 'AJ_1', roomSid: 'RM_1' }, { type: 'agent.first_audio', data: {} });

/** However it is told, it is one record. */
function record(events: readonly CallEvent[]) {
  const call = fold('call_1', events);
  expect(fold('call_1', events.toReversed())).toEqual(call);
  return call;
}

test.each([
  ['in the same second', 20],
  ['8 s later', 28],
  ['before it', 15],
])('a caller who came back hangs up; the stay that was replaced is missed %s', (_when, missed) => {
  const events = [
    joins(caller(1), 0),
    speaks,
    joins(caller(2), 10, 'active'),
    leaves(caller(2), 10, 20, 'left'),
    leaves(caller(1), 0, missed),
  ];
  expect(record(events)).toMatchObject({
    state: 'ended',
    endedAt: at(20),
    answeredAt: at(2),
    ending: { by: 'caller', reason: 'caller_hangup' },
  });
  // Nobody told that they had come back, but LiveKit says of each who leaves when they came.
  expect(record(events.filter((event) => event !== events[2]))).toMatchObject({
    endedAt: at(20),
    ending: { by: 'caller', reason: 'caller_hangup' },
  });
});

test('a caller who came back is on the line while only the first stay is missed', () => {
  const events = [joins(caller(1), 0), speaks, joins(caller(2), 10), leaves(caller(1), 0, 28)];
  const call = record(events);
  expect(call).toMatchObject({ state: 'in_progress' });
  expect(call).not.toHaveProperty('ending');
});

test('the room that a caller came from ends nothing when it is missed', () => {
  const events = [
    joins(caller(1), 0),
    speaks,
    joins(caller(2, 2), 10, 'active'),
    roomFinishes(13),
    leaves(caller(1), 0, 28),
  ];
  const call = record(events);
  expect(call).toMatchObject({ state: 'in_progress', room: { sid: 'RM_2', name: 'call-1' } });
  expect(call?.room).not.toHaveProperty('finishedAt');
  expect(record([...events, roomFinishes(40, 2)])).toMatchObject({
    endedAt: at(40),
    room: { sid: 'RM_2', finishedAt: at(40) },
  });
});

test('an agent that reconnects is not lost, whenever its first stay is missed', () => {
  const talked = [joins(caller(1), 0), joins(agent(1), 1), speaks];
  for (const missed of [8, 14]) {
    const events = [...talked, leaves(agent(1), 1, missed), joins(agent(2, 2), 10)];
    const call = record(events);
    expect(call).toMatchObject({
      state: 'in_progress',
      agents: [{ participantSid: 'PA_agent2', joinedAt: at(10), roomSid: 'RM_2' }],
    });
    expect(call?.agents[0]).not.toHaveProperty('leftAt');
    expect(call).not.toHaveProperty('ending');
  }
});

test('when a caller was answered is known better by what came first, whoever tells it last', () => {
  const met = {
    kind: 'sip',
    identity: 'sip_1',
    joinedAt: at(0),
    sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'active', statusAt: at(15) },
  };
  // The agent that takes over meets a caller who was answered long before.
  const rescued = tell(0, caller(1), { type: 'participant.joined', data: met });
  expect(record([rescued])).toMatchObject({ answeredAt: at(15) });
  expect(record([joins(caller(1), 0), rescued, speaks])).toMatchObject({ answeredAt: at(2) });
  const told = tell(
    1,
    { sipCallId: 'SCL_1' },
    { type: 'leg.answered', data: { codec: 'PCMA', ptime: 20, dtmf: 'none' } },
  );
  expect(record([joins(caller(1), 0), rescued, speaks, told])).toMatchObject({ answeredAt: at(1) });
});

const ends = (
  seconds: number,
  job: number,
  [endedBy, endReason]: readonly [string, string],
  participantSid: string,
) =>
  tell(
    seconds,
    { jobId: `AJ_${job}`, roomSid: 'RM_1', participantSid },
    { type: 'agent.ended', data: { endedBy, endReason } },
  );
const second = { jobId: 'AJ_2', participantSid: 'PA_second', roomSid: 'RM_1' };

test.each([
  ['while they are away', 9, 'PA_1'],
  ['when they are back', 12, 'PA_1'],
])('an agent that lost the caller says nothing of their end: %s', (_when, seconds, sid) => {
  const lost = ends(seconds, 1, ['carrier', 'media_timeout'], sid);
  const events = [
    joins(caller(1), 0),
    joins(agent(1), 1),
    speaks,
    joins(caller(2), 11, 'active'),
    lost,
  ];
  const call = record(events);
  expect(call).toMatchObject({ state: 'in_progress' });
  expect(call).not.toHaveProperty('endingAt');
  expect(record([...events, leaves(caller(2), 11, 45, 'left')])).toMatchObject({
    endedAt: at(45),
    endingAt: at(45),
    ending: { by: 'caller', reason: 'caller_hangup' },
  });
});

test('an agent that hung up on the caller has, whoever was replaced before', () => {
  const hungUp = ends(12, 1, ['agent', 'agent_hangup'], 'PA_2');
  const events = [joins(caller(1), 0), joins(agent(1), 1), speaks, joins(caller(2), 10), hungUp];
  expect(record(events)).toMatchObject({ state: 'ending', ending: { reason: 'agent_hangup' } });
});

test.each([
  ['system', 'agent_lost'],
  ['carrier', 'media_timeout'],
  ['operator', 'room_deleted'],
  ['system', 'service_lost'],
] as const)('an agent that was replaced ends nothing: %s, %s', (endedBy, endReason) => {
  const replaced = ends(12, 1, [endedBy, endReason], 'PA_1');
  const events = [
    joins(caller(1), 0),
    joins(agent(1), 1),
    speaks,
    joins(second, 10),
    tell(11, second, { type: 'agent.first_audio', data: {} }),
    replaced,
  ];
  const call = record(events);
  expect(call).toMatchObject({ state: 'in_progress', agents: [{ endedAt: at(12) }, {}] });
  expect(call).not.toHaveProperty('endingAt');
  expect(record([...events, leaves(caller(1), 0, 45, 'left')])).toMatchObject({
    ending: { by: 'caller', reason: 'caller_hangup' },
  });
  // LiveKit misses it, as an agent whose process died.
  const missed = leaves(agent(1), 1, 30);
  const others = events.filter((event) => event !== replaced);
  expect(record([...others, missed])).not.toHaveProperty('ending');
});
