import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Store } from '../api/store.ts';
import { openSqliteStore } from '../api/store.ts';
import type { Fallback, Line } from '../config/config.ts';
import type { Dispatch, LiveKitActions, LiveKitRooms } from '../livekit/livekit-api.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import { Rescuer } from './rescue.ts';

const log = pino({ level: 'silent' });
const ROOM = { roomSid: 'RM_1', roomName: 'call-1' };
const LEG = { ...ROOM, sipCallId: 'SCL_1', participantSid: 'PA_caller' };
const CALLER: LiveKitParticipant = {
  sid: 'PA_caller',
  identity: 'sip_1',
  kind: 'SIP',
  attributes: { 'sip.callID': 'SCL_1', 'sip.callStatus': 'active' },
};
const LISTENER: LiveKitParticipant = { sid: 'PA_l', identity: 'listener', kind: 'STANDARD' };
const AGENT: LiveKitParticipant = { sid: 'PA_A', identity: 'agent-AJ_A', kind: 'AGENT' };

let dir: string;
let ledger: Store;
let people: LiveKitParticipant[];
let dispatches: Dispatch[];
/** What was asked of LiveKit, in order. */
let asked: string[];
let rescuers: Rescuer[];
let transfers: () => Promise<void>;
let roomSid: string;
let late: LiveKitParticipant[];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  dir = await mkdtemp(join(tmpdir(), 'rescue-'));
  const numbers = { country: 'RU', secret: 'secret' };
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'), numbers);
  people = [CALLER];
  dispatches = [{ id: 'AD_1', agentName: 'trunkline', metadata: '{"line":"main"}', jobs: [] }];
  asked = [];
  rescuers = [];
  transfers = async () => undefined;
  roomSid = ROOM.roomSid;
  late = [];
});
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(rescuers.map((rescuer) => rescuer.close()));
  await ledger.close();
  await rm(dir, { recursive: true });
});

const livekit: LiveKitRooms & LiveKitActions = {
  rooms: async () => [{ sid: roomSid, name: ROOM.roomName }],
  participants: async (name) => (name === ROOM.roomName ? people : []),
  dispatches: async () => dispatches,
  dispatch: async (_room, agentName, metadata) => {
    asked.push(`dispatch ${agentName} ${metadata}`);
  },
  deleteDispatch: async (_room, id) => {
    asked.push(`delete dispatch ${id}`);
  },
  removeParticipant: async (_room, { identity, sid }) => {
    asked.push(`remove ${identity}`);
    people = people.filter((one) => one.sid !== sid);
  },
  deleteRoom: async ({ sid }, mayGo) => {
    // Who comes when it has been decided.
    people.push(...late.splice(0));
    if (sid !== roomSid || !people.every(mayGo)) return false;
    asked.push('delete room');
    people = [];
    return true;
  },
  setAttributes: async () => undefined,
  transfer: async (_room, identity, number) => {
    asked.push(`transfer ${identity} ${number}`);
    await transfers();
  },
};

function rescuer(fallback?: Fallback): Rescuer {
  const lines = [{ name: 'main', fallback } as Line];
  const created = new Rescuer({ ledger, livekit, lines, agentName: 'trunkline', log });
  rescuers.push(created);
  return created;
}

const event = (id: string, body: Partial<CallEvent>): CallEvent =>
  ({ id, source: 'webhook', at: new Date().toISOString(), correlation: LEG, ...body }) as CallEvent;
const came = () =>
  event('EV_came', {
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'sip_1',
      joinedAt: new Date().toISOString(),
      sip: {
        direction: 'inbound',
        ingress: 'livekit-sip',
        status: 'active',
        line: 'main',
        from: '+74950000001',
      },
    },
  });
const agentCame = (job = 'AJ_A') =>
  event(`EV_${job}`, {
    type: 'participant.joined',
    correlation: { ...ROOM, jobId: job, participantSid: job.replace('AJ', 'PA') },
    data: { kind: 'agent', identity: `agent-${job}` },
  });
const agentHeard = () =>
  event('R_heard', {
    type: 'agent.first_audio',
    correlation: { ...ROOM, jobId: 'AJ_A' },
    data: {},
  });
const agentDied = () =>
  event('R_died', {
    type: 'agent.ended',
    correlation: { ...ROOM, jobId: 'AJ_A' },
    data: { endedBy: 'system', endReason: 'agent_lost' },
  });

const callerLeft = () =>
  event('EV_gone', {
    type: 'participant.left',
    data: { kind: 'sip', identity: 'sip_1', reason: 'left' },
  });

async function happens(to: Rescuer | readonly Rescuer[], ...events: CallEvent[]): Promise<void> {
  const recorded = await ledger.record(events);
  for (const one of [to].flat()) one.heard(events, recorded);
}

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await vi.advanceTimersByTimeAsync(50);
    // The database answers in real time.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function theCall(): Promise<Call | undefined> {
  return (await ledger.calls({ limit: 2 })).data[0];
}

async function timeline(): Promise<string[]> {
  const { data } = await ledger.events((await theCall())?.id ?? '', { limit: 100 });
  return data.map(({ event: { type } }) => type).filter((type) => type.startsWith('rescue.'));
}

describe('a caller without an agent', () => {
  test('gets one when the dispatch is repeated', async () => {
    const it = rescuer();
    await happens(it, came());
    await pass(2_500);
    expect(asked).toEqual([]);
    await pass(1_000);
    expect(asked).toEqual(['delete dispatch AD_1', 'dispatch trunkline {"line":"main"}']);
    people.push(AGENT);
    await happens(it, agentCame());
    await pass(30_000);
    expect(asked).toHaveLength(2);
    expect(await timeline()).toEqual(['rescue.dispatched']);
  });

  test('is released when nobody comes', async () => {
    await happens(rescuer(), came());
    await pass(11_000);
    expect(asked.filter((action) => !action.startsWith('delete dispatch'))).toEqual([
      'dispatch trunkline {"line":"main"}',
      'dispatch trunkline {"line":"main"}',
      'dispatch trunkline {"line":"main"}',
      'dispatch trunkline {"line":"main"}',
      'delete room',
    ]);
    expect(await timeline()).toEqual([
      'rescue.dispatched',
      'rescue.dispatched',
      'rescue.dispatched',
      'rescue.dispatched',
      'rescue.released',
    ]);
    expect((await theCall())?.ending).toMatchObject({ reason: 'no_agent' });
  });

  test('is helped although the record does not know the room any more', async () => {
    await happens(rescuer(), came());
    await ledger.removal.erase('+74950000001');
    await pass(11_000);
    expect(asked.at(-1)).toBe('delete room');
  });

  test('who has lost the agent is helped at once; the ghost goes, the next one knows', async () => {
    const it = rescuer();
    people.push(AGENT);
    dispatches = dispatches.map((dispatch) => ({ ...dispatch, jobs: ['AJ_A'] }));
    await happens(it, came(), agentCame(), agentHeard());
    await pass(10_000);
    await happens(it, agentDied());
    await pass(500);
    expect(asked).toEqual([
      'remove agent-AJ_A',
      'delete dispatch AD_1',
      'dispatch trunkline {"line":"main","resumed":true}',
    ]);
    expect((await timeline()).toSorted()).toEqual(['rescue.dispatched', 'rescue.removed']);
  });

  test('gets the agent of a worker that is started again and ready only after 6 s', async () => {
    const it = rescuer();
    people.push(AGENT);
    dispatches = dispatches.map((dispatch) => ({ ...dispatch, jobs: ['AJ_A'] }));
    await happens(it, came(), agentCame(), agentHeard());
    await pass(10_000);
    await happens(it, agentDied());
    // What nobody takes is lost: LiveKit does not keep it for a worker that comes.
    const sent = () => asked.filter((action) => action.startsWith('dispatch')).length;
    await pass(6_000);
    const before = sent();
    await vi.waitFor(async () => {
      await pass(100);
      expect(sent()).toBeGreaterThan(before);
    });
    // It takes its time to join, on a busy machine: nobody is released meanwhile.
    dispatches = [{ id: 'AD_2', agentName: 'trunkline', metadata: '', jobs: ['AJ_B'] }];
    await pass(4_000);
    people.push({ sid: 'PA_B', identity: 'agent-AJ_B', kind: 'AGENT' });
    await happens(it, agentCame('AJ_B'));
    await pass(30_000);
    expect(sent()).toBe(before + 1);
    expect(asked).not.toContain('delete room');
  });

  test('gets the other agent, then the person, of the line', async () => {
    await happens(rescuer({ agent: 'other', number: '+3' }), came());
    await pass(11_000);
    expect(asked.filter((action) => !action.startsWith('delete dispatch'))).toEqual([
      'dispatch trunkline {"line":"main"}',
      'dispatch trunkline {"line":"main"}',
      'dispatch other {"line":"main"}',
      'transfer sip_1 +3',
    ]);
    expect((await theCall())?.ending).toMatchObject({ reason: 'transferred' });
    await pass(60_000);
    expect(asked).not.toContain('delete room');
  });

  test('is released when the person cannot be reached', async () => {
    transfers = () => Promise.reject(new Error('486 Busy Here'));
    await happens(rescuer({ number: '+3' }), came());
    await pass(7_000);
    expect(asked.at(-1)).toBe('delete room');
    expect(await timeline()).toEqual([
      'rescue.dispatched',
      'rescue.dispatched',
      'rescue.fallback',
      'rescue.failed',
      'rescue.released',
    ]);
  });

  test('is helped with a listener in the room, and never in their place', async () => {
    people.unshift(LISTENER);
    await happens(rescuer({ number: '+3' }), came());
    await pass(7_000);
    expect(asked.at(-1)).toBe('transfer sip_1 +3');
    await happens(rescuer(), callerLeft());
    people = [LISTENER];
    await pass(60_000);
    expect(asked.at(-1)).toBe('transfer sip_1 +3');
  });

  test('is helped in a room that was made anew under the same name', async () => {
    roomSid = 'RM_2';
    await happens(rescuer(), came());
    await pass(11_000);
    expect(asked.at(-1)).toBe('delete room');
  });

  test('is not hung up on when an agent comes at the last moment', async () => {
    const it = rescuer();
    await happens(it, came());
    await pass(9_000);
    late = [AGENT];
    await pass(2_000);
    expect(asked).not.toContain('delete room');
    await happens(it, agentCame());
    await pass(30_000);
    expect(asked).not.toContain('delete room');
  });

  test('is helped once by two call services', async () => {
    await happens([rescuer(), rescuer()], came());
    await pass(11_000);
    expect(asked.filter((action) => action.startsWith('dispatch'))).toHaveLength(4);
    expect(asked.filter((action) => action === 'delete room')).toHaveLength(1);
  });

  test('is helped by a service that was started anew', async () => {
    await ledger.record([came()]);
    const it = rescuer();
    await it.sweep();
    await pass(3_500);
    expect(await timeline()).toEqual(['rescue.dispatched']);
  });
});

describe('left alone', () => {
  test('for a while, a caller whose agent is about to join', async () => {
    dispatches = dispatches.map((dispatch) => ({ ...dispatch, jobs: ['AJ_A'] }));
    await happens(rescuer(), came());
    await pass(4_500);
    expect(asked).toEqual([]);
    await pass(2_000);
    expect(asked).toHaveLength(2);
  });

  test('a caller who has company that the record does not know of', async () => {
    people.push(AGENT);
    await happens(rescuer(), came());
    await pass(20_000);
    expect(asked).toEqual([]);
  });

  test("a caller in a room that is another system's", async () => {
    dispatches = [{ id: 'AD_2', agentName: 'somebody', metadata: '', jobs: [] }];
    await happens(rescuer(), came());
    await pass(20_000);
    expect(asked).toEqual([]);
    expect(await timeline()).toEqual([]);
  });
});

test('an agent whose caller has gone is removed', async () => {
  const it = rescuer();
  people = [AGENT];
  await happens(it, came(), agentCame(), callerLeft());
  await it.sweep();
  await pass(15_000);
  expect(asked).toEqual([]);
  await pass(6_000);
  expect(asked).toEqual(['remove agent-AJ_A', 'delete room']);
});

test('an agent whose caller has gone is removed from under a listener, who may stay', async () => {
  const it = rescuer();
  people = [AGENT, LISTENER];
  await happens(it, came(), agentCame(), callerLeft());
  await it.sweep();
  await pass(21_000);
  expect(asked).toEqual(['remove agent-AJ_A', 'delete room']);
});

test('an agent whose caller has gone is left to somebody who speaks with it', async () => {
  const it = rescuer();
  people = [AGENT, { ...LISTENER, isPublisher: true }];
  await happens(it, came(), agentCame(), callerLeft());
  await it.sweep();
  await pass(21_000);
  expect(asked).toEqual([]);
});

test('LiveKit is away: nothing is recorded, and it is tried again', async () => {
  const participants = vi.spyOn(livekit, 'participants').mockRejectedValueOnce(new Error('away'));
  await happens(rescuer(), came());
  await pass(4_000);
  expect(await timeline()).toEqual([]);
  await pass(2_000);
  expect(await timeline()).toEqual(['rescue.dispatched']);
  participants.mockRestore();
});
