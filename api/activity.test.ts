import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClient } from '../client/index.ts';
import type { CallActivity } from '../client/index.ts';
import { openActivityTeller } from '../reporting/teller.ts';
import { KEY, startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

const LIVEKIT = { url: 'ws://127.0.0.1:9', apiKey: 'key', apiSecret: 'secret-'.repeat(6) };

let app: TestApp;
let callId: string;
const ends = new AbortController();

beforeEach(async () => {
  app = await startTestApp({ config: { livekit: LIVEKIT } });
  const [recorded] = await app.ledger.record([
    {
      id: 'EV_1',
      source: 'worker',
      at: new Date().toISOString(),
      correlation: { roomSid: 'RM_1', participantSid: 'PA_1', sipCallId: 'SCL_1', jobId: 'AJ_1' },
      type: 'participant.joined',
      data: { kind: 'sip', identity: 'sip_1' },
    },
  ]);
  callId = recorded?.callId ?? '';
});

afterEach(async () => {
  ends.abort();
  await app.close();
});

/** A client of the stream, once it is connected. */
async function follow(options: { readonly callId?: string } = {}): Promise<CallActivity[]> {
  const told: CallActivity[] = [];
  const connected = Promise.withResolvers<void>();
  const events = createClient({ url: app.url, apiKey: KEY }).events({
    ...options,
    signal: ends.signal,
    onConnect: () => connected.resolve(),
    onActivity: (one) => told.push(one),
  });
  void events.next();
  await connected.promise;
  return told;
}

test('what a worker tells of a call is told on, to those who ask for that call', async () => {
  const [told, others] = [await follow(), await follow({ callId: 'call_other' })];
  const tell = openActivityTeller({ callServiceUrl: app.url, livekit: LIVEKIT });
  await vi.waitFor(() => {
    tell({ notes: [{ jobId: 'AJ_unknown', activity: { agent: 'speaking' } }] });
    tell({ notes: [{ jobId: 'AJ_1', activity: { agent: 'thinking' } }] });
    tell({ notes: [{ jobId: 'AJ_1', activity: { hearing: 'For four' } }] });
    expect(told).toContainEqual({
      callId,
      activity: { agent: 'thinking', hearing: 'For four' },
    });
  });
  expect(new Set(told.map((one) => one.callId))).toEqual(new Set([callId]));
  expect(others).toEqual([]);
});

test('nobody else may tell', async () => {
  const response = await fetch(`${app.url}/internal/v1/activity`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` },
    body: JSON.stringify({ notes: [{ jobId: 'AJ_1', activity: { agent: 'speaking' } }] }),
  });
  expect(response.status).toBe(401);
});
