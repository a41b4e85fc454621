import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallEvent, SipData } from '../calls/events.ts';
import type { Store } from '../api/store.ts';
import { openSqliteStore } from '../api/store.ts';
import type { LiveKitParticipant } from '../livekit/livekit-webhook.ts';
import { restoreAnswers } from './restore-answer.ts';

const log = pino({ level: 'silent' });
const at = (seconds: number) => new Date(Date.UTC(2026, 10, 20, 10, 0, seconds)).toISOString();

let dir: string;
let ledger: Store;
let asked: unknown[];
let isAway: boolean;
let people: LiveKitParticipant[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'restore-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  asked = [];
  isAway = false;
  people = [inRoom(1, 'ringing')];
});
afterEach(async () => {
  await ledger.close();
  await rm(dir, { recursive: true });
});

const inRoom = (stay: number, status: string, identity = 'sip_1'): LiveKitParticipant => ({
  sid: `PA_${stay}`,
  identity,
  attributes: { 'sip.callStatus': status },
});

const comes = (stay: number, status: SipData['status']): CallEvent => ({
  id: `E_${stay}`,
  source: 'webhook',
  at: at(stay * 10),
  correlation: {
    sipCallId: 'SCL_1',
    participantSid: `PA_${stay}`,
    roomSid: 'RM_1',
    roomName: 'call-1',
  },
  type: 'participant.joined',
  data: {
    kind: 'sip',
    identity: 'sip_1',
    joinedAt: at(stay * 10),
    sip: { direction: 'inbound', ingress: 'livekit-sip', ...(status && { status }) },
  },
});
const greets: CallEvent = {
  id: 'E_audio',
  source: 'worker',
  at: at(2),
  correlation: { jobId: 'AJ_1', roomSid: 'RM_1' },
  type: 'agent.first_audio',
  data: {},
};

const participants = async () => people;
const setAttributes = async (...about: unknown[]) => {
  if (isAway) throw new Error('away');
  asked.push(about);
};

async function tell(...events: CallEvent[]): Promise<void> {
  const recorded = await ledger.record(events);
  await restoreAnswers({ ledger, livekit: { participants, setAttributes }, log }, events, recorded);
}

test('who has been answered and comes back ringing is answered', async () => {
  await tell(comes(0, 'ringing'));
  await tell(greets);
  expect(asked).toEqual([]);
  await tell(comes(1, 'ringing'));
  const attributes = { 'sip.callStatus': 'active', 'trunkline.greeted': 'AJ_1' };
  expect(asked).toEqual([['call-1', 'sip_1', attributes]]);
});

test('who says so themselves, and who still rings, is left alone', async () => {
  await tell(comes(0, 'ringing'), comes(1, 'ringing'));
  await tell(greets);
  await tell(comes(2, 'active'));
  expect(asked).toEqual([]);
});

test.each([
  ['has left', []],
  ['has come once more', [inRoom(2, 'ringing')]],
  ['has hung up', [inRoom(1, 'hangup')]],
  ['says so by now', [inRoom(1, 'active')]],
  ['is another one by that sid', [inRoom(1, 'ringing', 'sip_2')]],
])('who %s meanwhile is left alone', async (_what, now) => {
  await tell(comes(0, 'ringing'));
  await tell(greets);
  people = now;
  await tell(comes(1, 'ringing'));
  expect(asked).toEqual([]);
});

test('LiveKit is away: nothing else is', async () => {
  await tell(comes(0, 'ringing'), greets);
  isAway = true;
  await tell(comes(1, 'ringing'));
  expect((await ledger.calls({ limit: 1 })).data[0]?.legs[0]?.stays).toHaveLength(2);
});
