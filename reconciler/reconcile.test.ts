import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import type { Store } from '../api/store.ts';
import { openSqliteStore } from '../api/store.ts';
import type { Trace } from '../webhooks/in/fixtures/histories.ts';
import { PLAN, eventsOf, reportsOf } from '../webhooks/in/fixtures/histories.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import { OrphanRooms } from './reconcile-orphans.ts';
import { QuickLook, reconcile } from './reconcile.ts';

const log = pino({ level: 'silent' });
/** Long after the events' arrival: nothing is on its way any more. */
const LATER_MS = 120_000;

let dir: string;
let ledger: Store;
/** What LiveKit says is there: room name -> its sid and people. */
let rooms: Map<string, { sid: string; people: LiveKitParticipant[] }>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reconcile-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  rooms = new Map();
  silent = new Set();
});
afterEach(async () => {
  await ledger.close();
  await rm(dir, { recursive: true });
});

/** Room names that LiveKit does not answer about. */
let silent: Set<string>;

const livekit = {
  rooms: async () => [...rooms].map(([name, { sid }]) => ({ name, sid })),
  async participants(name: string) {
    if (silent.has(name)) throw new Error('no response from servers');
    return rooms.get(name)?.people ?? [];
  },
};

async function run(afterMs = LATER_MS): Promise<void> {
  await reconcile({ ledger, livekit, plan: PLAN, log }, new Date(Date.now() + afterMs));
}

async function calls(): Promise<readonly Call[]> {
  return (await ledger.calls({ limit: 100 })).data;
}

const TRACE: Trace = 'inbound-novofon-caller-bye';
const events = eventsOf(TRACE);
const roomName = events[0]?.correlation.roomName ?? '';
const roomSid = events[0]?.correlation.roomSid ?? '';
const isLeft = (event: CallEvent): boolean =>
  event.type === 'participant.left' || event.type === 'room.finished';
const arrivals = events.filter((event) => !isLeft(event));
const caller: LiveKitParticipant = {
  sid: 'PA_7gd64A8rcPLC',
  identity: 'sip_+74950000001',
  kind: 'SIP',
  joinedAtMs: String(Date.now()),
  attributes: {
    'sip.callID': 'SCL_W9sahR5fpgJr',
    'sip.callStatus': 'active',
    'sip.phoneNumber': '+74950000001',
    'sip.ruleID': 'SDR_1',
    'sip.trunkPhoneNumber': '+74990000002',
  },
};
const agent: LiveKitParticipant = {
  sid: 'PA_ECbXtKaUnFuz',
  identity: 'agent-AJ_TcUiCAM5WUch',
  kind: 'AGENT',
};

describe('reconcile', () => {
  test('a room that is gone ends its call, once', async () => {
    await ledger.record(arrivals);
    await run();
    await run();
    const [call] = await calls();
    expect(call).toMatchObject({ state: 'failed', ending: { by: 'system', reason: 'unknown' } });
    const { data } = await ledger.events(call?.id ?? '', { limit: 100 });
    expect(data.filter(({ event }) => event.inferred)).toHaveLength(1);
  });

  test('what was heard of just now is left alone', async () => {
    await ledger.record(arrivals);
    await run(5_000);
    expect(await calls()).toMatchObject([{ state: 'ringing' }]);
  });

  test('a call that is as LiveKit says stays as it is', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, {
      sid: roomSid,
      people: [
        { ...caller, attributes: { ...caller.attributes, 'sip.callStatus': 'ringing' } },
        agent,
      ],
    });
    await run();
    expect(await calls()).toMatchObject([{ state: 'ringing' }]);
  });

  test('an answer that no webhook told of', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, { sid: roomSid, people: [caller, agent] });
    await run();
    expect(await calls()).toMatchObject([
      { state: 'connected', legs: [{ answerInferred: true, sipCallId: 'SCL_W9sahR5fpgJr' }] },
    ]);
  });

  test('a caller who left without a webhook', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, { sid: roomSid, people: [agent] });
    await run();
    const [call] = await calls();
    expect(call?.legs[0]?.endedAt).toBeDefined();
    expect(call?.room?.finishedAt).toBeUndefined();
  });

  test('who left without a webhook has their identity on the timeline', async () => {
    await ledger.record(arrivals);
    const people = [{ sid: 'PA_listener', identity: 'listener', kind: 'STANDARD' }];
    rooms.set(roomName, { sid: roomSid, people });
    await run();
    const { data } = await ledger.events((await calls())[0]?.id ?? '', { limit: 100 });
    const left = data.flatMap(({ event }) => (event.type === 'participant.left' ? event.data : []));
    expect(left).toEqual([
      { kind: 'sip', identity: caller.identity, reason: 'other' },
      { kind: 'agent', identity: agent.identity, reason: 'connection_lost' },
    ]);
  });

  test('an agent that died under a caller', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, { sid: roomSid, people: [caller] });
    await run();
    rooms.clear();
    await run();
    expect(await calls()).toMatchObject([{ state: 'failed', ending: { reason: 'agent_lost' } }]);
  });

  test('a call that nobody told of', async () => {
    rooms.set(roomName, { sid: roomSid, people: [caller, agent] });
    await run();
    await run();
    expect(await calls()).toMatchObject([
      { state: 'connected', from: '+74950000001', to: '+74990000002', room: { sid: roomSid } },
    ]);
  });

  test('the true end, told late, is better than the inferred one', async () => {
    await ledger.record(arrivals);
    await run();
    await ledger.record(events);
    expect(await calls()).toMatchObject([
      { state: 'ended', ending: { by: 'caller', reason: 'caller_hangup' } },
    ]);
  });

  test('an invited caller whose ingress died before the room', async () => {
    const invited: CallEvent = {
      id: '01INVITED',
      source: 'ingress',
      at: new Date().toISOString(),
      correlation: { sipCallId: 'SCL_9', roomName: 'call-9' },
      type: 'leg.invited',
      data: { from: '+1', to: '+2', line: 'main', trunk: 't', sipCallIdFull: 'x@y' },
    };
    await ledger.record([invited]);
    await run(30_000);
    expect(await calls()).toMatchObject([{ state: 'initializing' }]);
    await run();
    expect(await calls()).toMatchObject([
      { state: 'failed', ending: { by: 'system', reason: 'service_lost' } },
    ]);
  });

  test('an agent that was sent into a room by hand is a call, and other rooms are none', async () => {
    const alone = reportsOf(TRACE, { endedBy: 'system', endReason: 'idle' }).slice(0, 1);
    await ledger.record([
      ...alone,
      {
        id: 'EV_other',
        source: 'webhook',
        at: new Date().toISOString(),
        correlation: { roomSid: 'RM_web', roomName: 'meeting' },
        type: 'room.started',
        data: {},
      },
    ]);
    expect(await calls()).toEqual([]);
    rooms.set(roomName, { sid: roomSid, people: [agent] });
    rooms.set('meeting', { sid: 'RM_web', people: [] });
    await run();
    expect(await calls()).toMatchObject([{ direction: 'inbound', ingress: 'room', line: 'main' }]);
    const [waiting] = await calls();
    // The caller enters after all: it is the same call.
    await ledger.record(events);
    expect(await calls()).toMatchObject([
      { id: waiting?.id, ingress: 'livekit-sip', legs: [{ from: '+74950000001' }] },
    ]);
  });
});

describe('an agent that came too late, into a room that was deleted', () => {
  /** Its coming makes the room anew; it sees that this is another one, and goes. */
  const anew = { roomSid: 'RM_anew', roomName };
  const there = { ...anew, participantSid: 'PA_late', jobId: 'AJ_late' };
  const data = { kind: 'agent', identity: 'agent-AJ_late', agentName: 'trunkline' } as const;
  const base = { source: 'webhook', at: new Date().toISOString() } as const;
  const late: CallEvent[] = [
    { ...base, id: 'EV_1', correlation: anew, type: 'room.started', data: {} },
    { ...base, id: 'EV_2', correlation: there, type: 'participant.joined', data },
    {
      ...base,
      id: 'EV_3',
      correlation: there,
      type: 'participant.left',
      data: { ...data, reason: 'left' },
    },
  ];

  test.each([
    ['is empty', () => rooms.set(roomName, { sid: 'RM_anew', people: [] })],
    ['is gone', () => rooms.clear()],
  ])('is no call when the room %s', async (_how, leave) => {
    await ledger.record(late);
    leave();
    await run();
    expect(await calls()).toEqual([]);
  });

  test('but an agent that met somebody there was a call, though it is over', async () => {
    const started = {
      ...base,
      id: '01REPORT',
      source: 'worker',
      correlation: { roomSid: 'RM_anew', jobId: 'AJ_late' },
      type: 'agent.started',
      data: {
        agentName: 'trunkline',
        profile: 'desk',
        profileVersion: 'v1',
        line: 'main',
        pipeline: 'cascade',
      },
    } as const;
    await ledger.record([...late, started]);
    await run();
    expect(await calls()).toMatchObject([{ ingress: 'room', line: 'main' }]);
  });
});

describe('after an outage', () => {
  test('LiveKit was started anew, and the caller is in another room of that name', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, { sid: 'RM_anew', people: [{ ...caller, sid: 'PA_anew' }] });
    await run();
    await run();
    const [call, ...others] = await calls();
    expect(others).toEqual([]);
    expect(call).toMatchObject({ state: 'connected' });
    expect(call?.legs[0]?.endedAt).toBeUndefined();
    // And is lost with the second room, too.
    rooms.clear();
    await run();
    expect(await calls()).toMatchObject([{ state: 'failed' }]);
  });

  test('an agent that no webhook told of', async () => {
    await ledger.record(arrivals);
    const another = { ...agent, sid: 'PA_other', identity: 'agent-AJ_other' };
    rooms.set(roomName, { sid: roomSid, people: [caller, agent, another] });
    await run();
    const [call] = await calls();
    expect(call?.agents.map(({ jobId }) => jobId)).toContain('AJ_other');
  });

  test('a room that LiveKit says nothing about keeps only its own call waiting', async () => {
    await ledger.record(arrivals);
    rooms.set(roomName, { sid: roomSid, people: [caller] });
    rooms.set('call-2', {
      sid: 'RM_2',
      people: [{ ...caller, sid: 'PA_2', attributes: { 'sip.callID': 'SCL_2' } }],
    });
    silent.add(roomName);
    await run();
    expect((await calls()).map(({ state }) => state).toSorted()).toEqual(['ringing', 'ringing']);
    expect(await calls()).toHaveLength(2);
  });

  test('LiveKit is away: nothing is concluded', async () => {
    await ledger.record(arrivals);
    const away = { ...livekit, rooms: () => Promise.reject(new Error('away')) };
    const now = new Date(Date.now() + LATER_MS);
    await expect(reconcile({ ledger, livekit: away, plan: PLAN, log }, now)).rejects.toThrow(
      'away',
    );
    expect(await calls()).toMatchObject([{ state: 'ringing' }]);
  });

  test('a call that rings is looked at although it was heard of just now', async () => {
    const now = new Date();
    await ledger.record(arrivals.map((event) => ({ ...event, at: now.toISOString() })));
    rooms.set(roomName, {
      sid: roomSid,
      people: [{ ...caller, joinedAtMs: String(now.getTime()) }],
    });
    await new QuickLook({ ledger, livekit, plan: PLAN, log }).run(now);
    expect(await calls()).toMatchObject([{ state: 'connected', legs: [{ answerInferred: true }] }]);
  });

  test('a room that nobody told of is looked into once, soon after the caller came', async () => {
    const now = Date.now();
    const look = new QuickLook({ ledger, livekit, plan: PLAN, log });
    rooms.set(roomName, { sid: roomSid, people: [{ ...caller, joinedAtMs: String(now) }] });
    await look.run(new Date(now + 1_000));
    expect(await calls()).toEqual([]);
    await look.run(new Date(now + 4_000));
    expect(await calls()).toMatchObject([{ state: 'connected' }]);
    silent.add(roomName);
    const warn = vi.spyOn(log, 'warn');
    await look.run(new Date(now + 6_000));
    expect(warn).not.toHaveBeenCalled();
  });
});

describe('orphan rooms', () => {
  const deleted: string[] = [];
  /** Who has come since LiveKit was asked. */
  const come: Record<string, LiveKitParticipant[]> = { late: [caller] };
  const orphans = () =>
    new OrphanRooms({
      livekit: {
        dispatches: async (name) => [
          {
            id: 'AD_1',
            agentName: name === 'foreign' ? 'somebody' : 'trunkline',
            metadata: '',
            jobs: [],
          },
        ],
        deleteRoom: async ({ sid, name }, mayGo) => {
          const isGone = sid === `RM_${name}` && (come[name] ?? []).every(mayGo);
          if (isGone) deleted.push(name);
          return isGone;
        },
      },
      agentNames: new Set(['trunkline']),
      log,
    });

  test('are deleted when they are ours and nobody has come for long', async () => {
    const sweeper = orphans();
    const all = ['empty', 'agent-alone', 'foreign', 'unknown', 'in-use', 'late'].map((name) => ({
      name,
      sid: `RM_${name}`,
      people: { 'agent-alone': [agent], unknown: undefined, 'in-use': [caller, agent] }[name] ?? [],
    }));
    const states = all.map((room) =>
      room.name === 'unknown' ? { ...room, people: undefined } : room,
    );
    await sweeper.sweep(states, new Date(0));
    await sweeper.sweep(states, new Date(80_000));
    expect(deleted).toEqual([]);
    await sweeper.sweep(states, new Date(90_000));
    expect(deleted).toEqual(['empty', 'agent-alone']);
  });
});
