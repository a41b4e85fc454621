import { describe, expect, test } from 'vitest';
import type { Call } from '../calls/call.ts';
import type { CallEvent } from '../calls/events.ts';
import { fold } from '../calls/fold.ts';
import { planClearing, planRescue } from './rescue-plan.ts';
import type { RescuePlan } from './rescue-plan.ts';

const START = Date.parse('2026-01-01T12:00:00.000Z');
const ROOM = { roomSid: 'RM_1', roomName: 'call-1' };
const LEG = { ...ROOM, sipCallId: 'SCL_1', participantSid: 'PA_caller' };

let ids = 0;
type Body = CallEvent extends infer E
  ? E extends CallEvent
    ? Pick<E, 'type' | 'data'>
    : never
  : never;

/** @param seconds after the caller came */
function event(seconds: number, correlation: CallEvent['correlation'], body: Body): CallEvent {
  const at = new Date(START + seconds * 1000).toISOString();
  return { id: `E${(ids += 1)}`, source: 'webhook', at, correlation, ...body };
}

const came = (status: 'ringing' | 'active' = 'active') =>
  event(0, LEG, {
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'sip_1',
      joinedAt: new Date(START).toISOString(),
      sip: { direction: 'inbound', ingress: 'livekit-sip', status },
    },
  });
const invited = event(-0.5, LEG, {
  type: 'leg.invited',
  data: { from: '+1', to: '+2', line: 'main', trunk: 't', sipCallIdFull: 'x' },
});
const hungUp = (at: number) =>
  event(at, LEG, {
    type: 'participant.left',
    data: {
      kind: 'sip',
      identity: 'sip_1',
      reason: 'left',
      sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'hangup' },
    },
  });
const agent = (at: number, job: string) =>
  event(
    at,
    { ...ROOM, jobId: job, participantSid: `PA_${job}` },
    {
      type: 'participant.joined',
      data: { kind: 'agent', identity: `agent-${job}` },
    },
  );
const agentLeft = (at: number, job: string) =>
  event(
    at,
    { ...ROOM, jobId: job, participantSid: `PA_${job}` },
    {
      type: 'participant.left',
      data: { kind: 'agent', identity: `agent-${job}`, reason: 'left' },
    },
  );
const agentEnded = (
  at: number,
  job: string,
  endReason: 'agent_lost' | 'agent_hangup' | 'transferred',
) =>
  event(
    at,
    { ...ROOM, jobId: job },
    {
      type: 'agent.ended',
      data: { endedBy: 'system', endReason },
    },
  );

/** As the executor does: every step is recorded when it is due. */
function record(plan: RescuePlan, fails = false): CallEvent[] {
  const { step, reason, agents, dueAt } = plan;
  const data = { reason, agents };
  const at = (dueAt - START) / 1000;
  const taken = {
    dispatch: { type: 'rescue.dispatched', data: { ...data, agentName: 'a' } },
    agent: { type: 'rescue.fallback', data: { ...data, agentName: 'b' } },
    number: { type: 'rescue.fallback', data: { ...data, number: '+3' } },
    release: { type: 'rescue.released', data },
  } as const satisfies Record<RescuePlan['step'], Body>;
  const failed = { type: 'rescue.failed', data: { ...data, detail: 'no' } } as const;
  return [event(at, LEG, taken[step]), ...(fails ? [event(at + 0.1, LEG, failed)] : [])];
}

/** Step by step with the seconds at which they are due, while nobody comes. */
function course(history: readonly CallEvent[], fallback?: { agent?: string; number?: string }) {
  const events = [...history];
  const steps: [string, number][] = [];
  for (;;) {
    const plan = planRescue(callOf(events), fallback);
    if (plan === undefined) return steps;
    steps.push([plan.step, (plan.dueAt - START) / 1000]);
    if (steps.length > 20) throw new Error('without end');
    events.push(...record(plan));
  }
}

function callOf(events: readonly CallEvent[]): Call {
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no events');
  return call;
}

describe('a caller without an agent', () => {
  test('who has come back waits since then, whenever their first stay is missed', () => {
    const joinedAt = new Date(START + 2_000).toISOString();
    const sip = { direction: 'inbound', ingress: 'livekit-sip', status: 'ringing' } as const;
    const data = { kind: 'sip', identity: 'sip_1', joinedAt, sip } as const;
    const correlation = { ...LEG, participantSid: 'PA_back' };
    const back = event(2, correlation, { type: 'participant.joined', data });
    expect(course([came('ringing'), back])[0]).toEqual(['dispatch', 5]);
  });

  test('to whom none came is released within 10 s, not after 180 s of ringing', () => {
    expect(course([came('ringing')])).toEqual([
      ['dispatch', 3],
      ['dispatch', 4.5],
      ['dispatch', 6],
      ['dispatch', 7.5],
      ['release', 9.5],
    ]);
  });

  test('whose agent is reported dead is helped at once, and as long as they bear it', () => {
    expect(course([came(), agent(1, 'A'), agentEnded(60, 'A', 'agent_lost')])).toEqual([
      ['dispatch', 60],
      ['dispatch', 61.5],
      ['dispatch', 63],
      ['dispatch', 64.5],
      ['dispatch', 66],
      ['release', 68],
    ]);
  });

  test('of whose loss is heard late has the same time from then on', () => {
    const events = [came(), agent(1, 'A'), agentEnded(60, 'A', 'agent_lost')];
    const late = {
      ...(planRescue(callOf(events), undefined) as RescuePlan),
      dueAt: START + 90_000,
    };
    expect(course([...events, ...record(late)])).toEqual([
      ['dispatch', 91.5],
      ['dispatch', 93],
      ['dispatch', 94.5],
      ['dispatch', 96],
      ['release', 98],
    ]);
  });

  test('who comes back after the agent was lost has the same time as one who comes', () => {
    const again = event(
      70,
      { ...LEG, participantSid: 'PA_again' },
      {
        type: 'participant.joined',
        data: {
          kind: 'sip',
          identity: 'sip_1',
          joinedAt: new Date(START + 70_000).toISOString(),
          sip: { direction: 'inbound', ingress: 'livekit-sip', status: 'active' },
        },
      },
    );
    const events = [came(), agent(1, 'A'), agentEnded(60, 'A', 'agent_lost'), again];
    expect(course(events)[0]).toEqual(['dispatch', 73]);
  });

  test("whose agent left has a moment for the agent's reasons", () => {
    expect(course([came(), agent(1, 'A'), agentLeft(60, 'A')])[0]).toEqual(['dispatch', 61.5]);
  });

  test('gets the fallback: another agent, then a person', () => {
    expect(course([came()], { agent: 'other', number: '+3' })).toEqual([
      ['dispatch', 3],
      ['dispatch', 4.5],
      ['agent', 6],
      ['number', 9.5],
      ['release', 49.5],
    ]);
  });

  test('who was not answered cannot be transferred', () => {
    expect(course([came('ringing')], { number: '+3' }).map(([step]) => step)).toEqual([
      'dispatch',
      'dispatch',
      'dispatch',
      'dispatch',
      'release',
    ]);
  });

  test('is released at once when the person does not come', () => {
    const events = [came()];
    const next = () => planRescue(callOf(events), { number: '+3' }) as RescuePlan;
    events.push(...record(next()));
    events.push(...record(next()));
    const number = planRescue(callOf(events), { number: '+3' });
    events.push(...record(number as RescuePlan, true));
    const release = planRescue(callOf(events), { number: '+3' });
    expect(release).toMatchObject({ step: 'release', dueAt: number?.dueAt });
  });

  test('is left to the apology of our own ingress, unless that fails too', () => {
    const steps = course([invited, came('ringing')]);
    expect(steps.at(-1)).toEqual(['release', 24.5]);
  });
});

describe('nobody is rescued', () => {
  test.each([
    ['from an agent', [came(), agent(1, 'A')]],
    ['after a hang-up', [came(), agent(1, 'A'), agentEnded(5, 'A', 'agent_lost'), hungUp(6)]],
    ['from a transfer', [came(), agent(1, 'A'), agentEnded(5, 'A', 'transferred')]],
    [
      'from another person',
      [
        came(),
        event(
          9,
          { ...ROOM, sipCallId: 'SCL_2', participantSid: 'PA_2' },
          {
            type: 'participant.joined',
            data: {
              kind: 'sip',
              identity: 'sip_2',
              sip: { direction: 'outbound', ingress: 'livekit-sip', status: 'active' },
            },
          },
        ),
        agent(1, 'A'),
        agentLeft(10, 'A'),
      ],
    ],
  ])('%s', (_name, events) => {
    expect(planRescue(callOf(events), undefined)).toBeUndefined();
  });
});

test('an agent that wanted to hang up is helped to', () => {
  expect(course([came(), agent(1, 'A'), agentEnded(30, 'A', 'agent_hangup')])).toEqual([
    ['release', 35],
  ]);
});

test('one dispatch brings an agent that dies too: it begins anew, but not without end', () => {
  const events = [came()];
  for (let job = 0; job < 20; job += 1) {
    const plan = planRescue(callOf(events), undefined);
    if (plan === undefined) break;
    events.push(...record(plan));
    if (plan.step === 'release') break;
    const at = (plan.dueAt - START) / 1000;
    events.push(agent(at + 0.5, `J${job}`), agentEnded(at + 1, `J${job}`, 'agent_lost'));
  }
  const steps = callOf(events).rescue ?? [];
  expect(steps.map(({ step }) => step)).toEqual([...Array<string>(8).fill('dispatch'), 'release']);
});

test('two that plan the same step give it the same id, the next step another', () => {
  const events = [came()];
  const first = planRescue(callOf(events), undefined) as RescuePlan;
  expect(planRescue(callOf(events), undefined)?.id).toBe(first.id);
  events.push(...record(first));
  expect(planRescue(callOf(events), undefined)?.id).not.toBe(first.id);
});

test('who was lost for good is recorded as agent_lost, who was saved is not', () => {
  const lost = [came(), agent(1, 'A'), agentEnded(60, 'A', 'agent_lost')];
  const released = event(66, LEG, {
    type: 'rescue.released',
    data: { reason: 'agent_lost', agents: 1 },
  });
  expect(callOf([...lost, released, hungUp(67)])).toMatchObject({
    state: 'failed',
    ending: { reason: 'agent_lost' },
  });
  const heard = event(62, { ...ROOM, jobId: 'B' }, { type: 'agent.first_audio', data: {} });
  expect(callOf([...lost, agent(61, 'B'), heard, hungUp(67)])).toMatchObject({
    state: 'ended',
    ending: { by: 'caller', reason: 'caller_hangup' },
    agents: [{ jobId: 'A' }, { jobId: 'B' }],
  });
});

test('what a caller has left behind is cleared after a while, an open call is not', () => {
  expect(planClearing(callOf([came(), agent(1, 'A')]))).toBeUndefined();
  expect(planClearing(callOf([came(), agent(1, 'A'), hungUp(10)]))).toBe(START + 30_000);
});
