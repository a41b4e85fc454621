import { afterEach, expect, test, vi } from 'vitest';
import type { CallEvent } from '../calls/events.ts';
import type { Line } from '../config/config.ts';
import { startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';
import { LiveKitError } from '../livekit/livekit-error.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import type { OperatorLiveKit } from './operator.ts';
import { SipCallError } from 'livekit-server-sdk';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let app: TestApp;
afterEach(() => app.close());

/** livekit-server's part; what it really does with a room is in operator.contract.test.ts. */
function fakeLiveKit(changes: Partial<OperatorLiveKit> = {}) {
  const done: string[] = [];
  const livekit: OperatorLiveKit = {
    createRoom: async ({ name }) => roomOf(name),
    rooms: async (name = 'elsewhere') => [roomOf(name)],
    participants: async (room) => [present(room)],
    deleteRoom: async ({ name }, mayGo) => {
      if (!(await livekit.participants(name)).every(mayGo)) return false;
      done.push(`delete ${name}`);
      return true;
    },
    removeParticipant: async (room, { identity }) =>
      void done.push(`remove ${identity} from ${room}`),
    dispatch: async (_room, agent, metadata) => void done.push(`dispatch ${agent} ${metadata}`),
    dial: async ({ to }) => {
      done.push(`dial ${to}`);
      return { sipCallId: 'SCL_out', participantSid: 'PA_out' };
    },
    transfer: async (_room, identity, to) => void done.push(`transfer ${identity} ${to}`),
    ...changes,
  };
  return { livekit, done };
}

const roomOf = (name: string, sid = `RM_${name}`) => ({ name, sid });

const present = (name: string, isSip = true): LiveKitParticipant => ({
  sid: `PA_${name}`,
  identity: `sip_${name}`,
  ...(isSip && { kind: 'SIP', attributes: { 'sip.callID': `SCL_${name}` } }),
});

async function start(
  livekit: OperatorLiveKit,
  outbound = { trunkId: 'ST_1' as string | undefined, dialAllow: ['+7495*', 'sip:*@pbx.test'] },
): Promise<void> {
  const lines = [
    { name: 'main', numbers: ['*'], language: 'en', agent: { name: 'desk', version: '1' } },
  ] as unknown as Line[];
  app = await startTestApp({ livekit, config: { outbound, lines } });
}

async function caller(
  name: string,
  ingress: 'livekit-sip' | 'sip' = 'livekit-sip',
  room = name,
): Promise<string> {
  const event: CallEvent = {
    id: `E_${name}`,
    source: 'webhook',
    at: '2026-11-20T10:00:00.000Z',
    correlation: {
      sipCallId: `SCL_${name}`,
      participantSid: `PA_${name}`,
      roomSid: `RM_${room}`,
      roomName: room,
    },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: `sip_${name}`,
      sip: { direction: 'inbound', ingress, status: 'active' },
    },
  };
  const [recorded] = await app.ledger.record([event]);
  return recorded?.callId ?? '';
}

const act = (path: string, json?: unknown) =>
  app.request(`/v1/calls${path}`, { method: 'POST', ...(json !== undefined && { json }) });

const problem = async (response: Response) => {
  const { type, ...rest } = (await response.json()) as { type: string; sipCode?: number };
  return [response.status, type.replace('urn:trunkline:problem:', ''), rest.sipCode];
};

const operatorEvents = async (id: string) =>
  (await app.ledger.events(id, { limit: 100 })).data
    .filter(({ event }) => event.source === 'operator')
    .map(({ event }) => event.type);

test('a hang-up deletes the room and explains the end', async () => {
  const { livekit, done } = fakeLiveKit();
  await start(livekit);
  const id = await caller('a');
  expect((await act(`/${id}/hangup`)).status).toBe(200);
  expect(done).toEqual(['delete a']);
  expect(await app.ledger.call(id)).toMatchObject({ state: 'ending' });
  await app.ledger.record([
    {
      id: 'E_left',
      source: 'webhook',
      at: new Date().toISOString(),
      correlation: { sipCallId: 'SCL_a', participantSid: 'PA_a', roomSid: 'RM_a' },
      type: 'participant.left',
      data: { kind: 'sip', identity: 'sip_a', reason: 'room_deleted' },
    },
  ]);
  expect(await app.ledger.call(id)).toMatchObject({
    state: 'ended',
    ending: { by: 'operator', reason: 'operator_hangup' },
  });
  expect(await operatorEvents(id)).toEqual(['hangup.requested']);
  expect(await problem(await act(`/${id}/hangup`))).toEqual([409, 'call-over', undefined]);
  expect((await act('/call_0/hangup')).status).toBe(404);
});

test('a hang-up that could not be done changes nothing', async () => {
  const { livekit } = fakeLiveKit({
    deleteRoom: () => Promise.reject(new LiveKitError(new Error('away'))),
  });
  await start(livekit);
  const id = await caller('a');
  expect(await problem(await act(`/${id}/hangup`))).toEqual([503, 'unavailable', undefined]);
  const call = await app.ledger.call(id);
  expect([call?.state, call?.ending]).toEqual(['connected', undefined]);
  expect(await operatorEvents(id)).toEqual(['hangup.requested', 'hangup.failed']);
});

test("a hang-up touches nobody else: a room's new owner, another caller in the room", async () => {
  const { livekit, done } = fakeLiveKit({
    rooms: async (name = '') => [roomOf(name, name === 'reused' ? 'RM_new' : undefined)],
    // One is of a call of which nobody has told us yet.
    participants: async () => [present('a'), present('unknown'), present('listener', false)],
  });
  await start(livekit);
  await act(`/${await caller('old', 'sip', 'reused')}/hangup`);
  expect(done).toEqual([]);
  const id = await caller('a', 'sip', 'shared');
  await act(`/${id}/hangup`);
  expect(done).toEqual(['remove sip_a from shared']);
});

test('who only listens keeps nobody from hanging up', async () => {
  const { livekit, done } = fakeLiveKit({
    participants: async () => [present('listener', false), present('a')],
  });
  await start(livekit);
  await act(`/${await caller('a')}/hangup`);
  expect(done).toEqual(['delete a']);
});

test('the caller is transferred, whoever else is on the telephone or in the room', async () => {
  const { livekit, done } = fakeLiveKit({
    participants: async () => [present('listener', false), present('desk'), present('a')],
  });
  await start(livekit);
  const id = await caller('a');
  const desk: CallEvent = {
    id: 'E_desk',
    source: 'webhook',
    at: '2026-11-20T10:00:10.000Z',
    correlation: {
      sipCallId: 'SCL_desk',
      participantSid: 'PA_desk',
      roomSid: 'RM_a',
      roomName: 'a',
    },
    type: 'participant.joined',
    data: {
      kind: 'sip',
      identity: 'sip_desk',
      sip: { direction: 'outbound', ingress: 'livekit-sip', status: 'active' },
    },
  };
  const [recorded] = await app.ledger.record([desk]);
  expect(recorded?.callId).toBe(id);
  expect((await act(`/${id}/transfer`, { to: '+74951234567' })).status).toBe(200);
  expect(done).toEqual(['transfer sip_a +74951234567']);
});

test('a hang-up finds the room that was made anew, and that of an erased caller', async () => {
  const { livekit, done } = fakeLiveKit({
    rooms: async (name = 'b') => [roomOf(name, name === 'a' ? 'RM_anew' : undefined)],
  });
  await start(livekit);
  const id = await caller('a');
  await act(`/${id}/hangup`);
  await app.ledger.record([
    {
      id: 'E_request',
      source: 'operator',
      at: '2026-11-20T10:00:00.000Z',
      correlation: { roomSid: 'RM_b', roomName: 'b' },
      type: 'call.requested',
      data: { to: '+74950000002', line: 'main', trunk: 'ST_1', by: 'key' },
    },
  ]);
  const { callIds } = await app.ledger.removal.erase('+74950000002');
  await act(`/${callIds[0]}/hangup`);
  expect(done).toEqual(['delete a', 'delete b']);
});

test('a transfer is done where livekit-sip holds the leg and the destination is allowed', async () => {
  const { livekit, done } = fakeLiveKit();
  await start(livekit);
  const id = await caller('a');
  expect((await act(`/${id}/transfer`, { to: 'sip:anna@pbx.test' })).status).toBe(200);
  expect(done).toEqual(['transfer sip_a sip:anna@pbx.test']);
  expect(await operatorEvents(id)).toEqual(['transfer.requested', 'transfer.completed']);
  expect(await app.ledger.call(id)).toMatchObject({ ending: { reason: 'transferred' } });

  for (const to of ['+79991234567', 'sip:anna@pbx.test.evil.example', 'sip:x@elsewhere.test']) {
    const answer = await problem(await act(`/${id}/transfer`, { to }));
    expect(answer).toEqual([403, 'destination-not-allowed', undefined]);
  }
  for (const to of ['112', 'sip:a@pbx.test;method=BYE', 'sip:a@pbx.test?Refer-To=x', 'anna']) {
    expect((await act(`/${id}/transfer`, { to })).status).toBe(400);
  }
  const builtIn = await caller('c', 'sip');
  const refused = await problem(await act(`/${builtIn}/transfer`, { to: '+74951234567' }));
  expect(refused).toEqual([501, 'not-supported', undefined]);
});

test('without configuration nobody may be dialled or transferred to', async () => {
  const { livekit, done } = fakeLiveKit();
  await start(livekit, { trunkId: undefined, dialAllow: [] });
  const id = await caller('a');
  const to = '+74951234567';
  expect(await problem(await act(`/${id}/transfer`, { to }))).toEqual([
    403,
    'destination-not-allowed',
    undefined,
  ]);
  expect(await problem(await act('', { to, line: 'main' }))).toEqual([
    409,
    'no-outbound-trunk',
    undefined,
  ]);
  expect(done).toEqual([]);
});

/** A SIP status as livekit-server tells it. */
const refusal = (sipCode: number) =>
  new LiveKitError(
    new SipCallError('SipCallError', 'refused', 500, 'unavailable', {
      sip_status_code: String(sipCode),
    }),
  );

test('a transfer that is refused says so, and the call goes on', async () => {
  const { livekit } = fakeLiveKit({ transfer: () => Promise.reject(refusal(603)) });
  await start(livekit);
  const id = await caller('a');
  expect(await problem(await act(`/${id}/transfer`, { to: '+74951234567' }))).toEqual([
    502,
    'livekit-failed',
    603,
  ]);
  expect(await operatorEvents(id)).toEqual(['transfer.requested', 'transfer.failed']);
  expect((await app.ledger.call(id))?.ending).toBeUndefined();
});

test('an outbound call is there at once, and answered when they answer', async () => {
  const { promise: answer, resolve } = Promise.withResolvers<void>();
  const { livekit, done } = fakeLiveKit({
    dial: async () => {
      await answer;
      return { sipCallId: 'SCL_out', participantSid: 'PA_out' };
    },
  });
  await start(livekit);
  const response = await act('', { to: '+74951234567', line: 'main' });
  expect(response.status).toBe(201);
  const call = (await response.json()) as { id: string };
  expect(call).toMatchObject({
    state: 'initializing',
    direction: 'outbound',
    to: '+74951234567',
    line: 'main',
  });
  expect(done).toEqual(['dispatch trunkline {"line":"main"}']);
  resolve();
  await vi.waitFor(async () => {
    expect((await app.ledger.call(call.id))?.answeredAt).toBeDefined();
  });
  expect(await operatorEvents(call.id)).toEqual(['call.requested', 'dial.answered']);
});

test.each([
  [486, 'busy'],
  [600, 'busy'],
  [480, 'no_answer'],
  [408, 'no_answer'],
  [603, 'rejected'],
  [404, 'rejected'],
  [503, 'trunk_failure'],
  [407, 'trunk_failure'],
])('an outbound call that ends with %i is %s', async (sipCode, reason) => {
  const { livekit, done } = fakeLiveKit({ dial: () => Promise.reject(refusal(sipCode)) });
  await start(livekit);
  const { id } = (await (await act('', { to: '+74951234567', line: 'main' })).json()) as {
    id: string;
  };
  await vi.waitFor(() => expect(done.at(-1)).toMatch(/^delete call-out_/));
  expect(await app.ledger.call(id)).toMatchObject({
    state: 'failed',
    ending: { by: 'carrier', reason, sipCode },
  });
});

test('what LiveKit refuses has ended before a carrier heard of it', async () => {
  const unknown = new LiveKitError(new Error('object cannot be found'));
  const { livekit, done } = fakeLiveKit({ dial: () => Promise.reject(unknown) });
  await start(livekit);
  const dialled = await act('', { to: '+74951234567', line: 'main' });
  const { id } = (await dialled.json()) as { id: string };
  await vi.waitFor(() => expect(done.at(-1)).toMatch(/^delete call-out_/));
  expect(await app.ledger.call(id)).toMatchObject({
    state: 'failed',
    ending: { by: 'system', reason: 'trunk_failure' },
  });
});

test('without an agent nobody is dialled', async () => {
  const refused = new LiveKitError(new Error('no response from servers'));
  const { livekit, done } = fakeLiveKit({ dispatch: () => Promise.reject(refused) });
  await start(livekit);
  expect((await act('', { to: '+74951234567', line: 'main' })).status).toBe(503);
  expect(done.some((action) => action.startsWith('dial '))).toBe(false);
  expect((await app.ledger.calls({ limit: 10 })).data).toMatchObject([
    { state: 'failed', ending: { by: 'system', reason: 'no_agent' } },
  ]);
});

test('the same request under one Idempotency-Key dials once', async () => {
  const { livekit, done } = fakeLiveKit();
  await start(livekit);
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const response = await app.request('/v1/calls', {
      method: 'POST',
      json: { to: '+74951234567', line: 'main' },
      headers: { 'idempotency-key': 'reminder-17' },
    });
    ids.push(((await response.json()) as { id: string }).id);
  }
  expect(new Set(ids).size).toBe(1);
  expect(done.filter((action) => action.startsWith('dial '))).toHaveLength(1);
});
