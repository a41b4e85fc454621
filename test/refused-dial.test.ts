/** LiveKit refuses a call at once: the room is deleted while the agent is on its way into it. */
import { AgentDispatchClient } from 'livekit-server-sdk';
import { expect, test } from 'vitest';
import type { CallRecord } from './harness/call-records.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { waitFor } from './harness/wait-for.ts';

const DIALS = 4;
const BY_HAND = 'by-hand';

const stackOf = useTestStack({
  env: { TRUNKLINE_OUTBOUND_TRUNK: 'ST_doesnotexist', TRUNKLINE_DIAL_ALLOW: '+1202*' },
});

const records = async () => (await stackOf().get<{ data: CallRecord[] }>('/v1/calls')).data;

test('each dial is one call, and no agent is left in a room of its own', async () => {
  const { apiUrl, apiKey, config } = stackOf();
  for (let n = 0; n < DIALS; n += 1) {
    const { status } = await fetch(`${apiUrl}/v1/calls`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ to: `+1202555080${n}`, line: config.lines[0]?.name }),
    });
    expect(status).toBe(201);
    await waitFor(async () => (await records()).every(({ state }) => state === 'failed'), {
      timeout: 20_000,
      what: 'the dial to be refused',
    });
  }
  // An agent that really waits alone is found to be a call; whatever was alone before is then, too.
  const { url, apiKey: key, apiSecret } = config.livekit;
  const dispatches = new AgentDispatchClient(url.replace(/^ws/, 'http'), key, apiSecret);
  await dispatches.createDispatch(BY_HAND, config.agentName);
  const all = await waitFor(
    async () => {
      const found = await records();
      return found.some(({ room }) => room?.name === BY_HAND) ? found : undefined;
    },
    { timeout: 60_000, what: 'the agent by hand to be found' },
  );
  const refused = all.filter(({ room }) => room?.name !== BY_HAND);
  expect(
    refused.map(({ direction, endedBy, endReason }) => [direction, endedBy, endReason]),
  ).toEqual(Array.from({ length: DIALS }, () => ['outbound', 'system', 'trunk_failure']));
});
