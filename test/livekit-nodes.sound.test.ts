/** Two LiveKit nodes on one Redis, of which the one with the call is killed. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { phrasesFor } from '../agent/speech/phrases.ts';
import { findStackPorts } from '../cli/stack-ports.ts';
import { Voice } from '../rehearsal/voice/voice.ts';
import { finalRecord, said } from './harness/call-records.ts';
import { startCall } from './harness/simulated-caller.ts';
import type { TestCluster } from './harness/start-cluster.ts';
import { startCluster } from './harness/start-cluster.ts';
import type { TestStack } from './harness/start-test-stack.ts';
import { startTestStack } from './harness/start-test-stack.ts';

const KEY = { apiKey: 'APInodes', apiSecret: randomBytes(32).toString('base64url') };

let cluster: TestCluster;
let stack: TestStack;
let voice: Voice;

beforeAll(async () => {
  const ports = await findStackPorts();
  const webhookUrl = `http://127.0.0.1:${ports.http}/webhooks/livekit`;
  cluster = await startCluster({ ...KEY, webhookUrl });
  stack = await startTestStack({
    ports: { ...ports, livekit: Number(new URL(cluster.url).port) },
    only: ['rehearsal', 'api', 'agent', 'ingress'],
    env: { LIVEKIT_API_KEY: KEY.apiKey, LIVEKIT_API_SECRET: KEY.apiSecret },
  });
  voice = new Voice(stack.dataDir);
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(stack.logTails());
});
afterAll(async () => {
  await voice.close();
  await stack.stop();
  await cluster[Symbol.asyncDispose]();
});

test('the conversation goes on: one agent, which says so, and nobody is hung up on', async () => {
  const from = '+12025550311';
  const call = startCall(stack, voice, { from, hangUpAfterMs: 120_000 });
  await call.heard(1);
  await nodeOf(from).stop();
  await call.heard(2);
  call.hangUp();
  const { outcome } = await call.result;
  const record = await finalRecord(stack, from);
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup' });
  const { resumed } = phrasesFor('en');
  // An agent may say so before it finds that another has come; what the end cut short is as heard.
  const saidAfterwards = said(record, 'agent').slice(1);
  expect(saidAfterwards.length).toBeGreaterThan(0);
  expect(saidAfterwards.filter((text) => !resumed.startsWith(text))).toEqual([]);
  expect(outcome).toBe('completed');
  expect(record.legs).toHaveLength(1);
});

/** The node that holds the call's room. */
function nodeOf(from: string) {
  const found = cluster.nodes.find((node) =>
    node
      .log()
      .split('\n')
      .some((line) => line.includes('participant active') && line.includes(from)),
  );
  if (found === undefined) throw new Error('no node has the call');
  return found;
}
