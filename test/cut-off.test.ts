/** Worker and ingress cannot reach the call service for a whole call; LiveKit's webhooks can. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CallDetail, CallRecord } from './harness/call-records.ts';
import { callsFrom, finalRecord, said } from './harness/call-records.ts';
import { startReportGate } from './harness/report-gate.ts';
import { startCall } from './harness/simulated-caller.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';
import { waitFor } from './harness/wait-for.ts';

const FROM = '+12025550701';

const gate = await startReportGate();
const stackOf = useTestStack({
  env: {
    TRUNKLINE_API_URL: gate.url,
    TRUNKLINE_OUTBOUND_TRUNK: 'ST_none',
    TRUNKLINE_DIAL_ALLOW: '+1202*',
  },
});
const voiceOf = useVoice(stackOf);
beforeAll(() => {
  gate.port = stackOf().config.http.port;
});
afterAll(() => gate[Symbol.asyncDispose]());

test('the record waits for what was said', async () => {
  gate.open = false;
  const words = ["I'd like to book a table.", 'For four people.'];
  const call = startCall(stackOf(), voiceOf(), { from: FROM, say: words });
  await expect(call.result).resolves.toMatchObject({ outcome: 'completed' });
  // All that webhooks tell of it is known.
  const ended = await waitFor(
    async () => {
      const [{ id } = { id: 'none' }] = await callsFrom(stackOf(), FROM);
      const record = await stackOf().get<CallDetail>(`/v1/calls/${id}`);
      return record.timeline.some(({ type }) => type === 'room.finished') ? record : undefined;
    },
    { timeout: 30_000, what: 'the end of the room to be known' },
  );
  expect(ended).toMatchObject({ state: 'ended', turns: [] });

  // Of a call that ended later all is known: it is sealed before this one.
  const later = await refusedDial();
  await waitFor(
    async () => (await stackOf().get<CallRecord>(`/v1/calls/${later}`)).sealedAt !== undefined,
    { timeout: 20_000, what: 'the later call to be sealed' },
  );
  expect((await callsFrom(stackOf(), FROM))[0]).not.toHaveProperty('sealedAt');

  gate.open = true;
  const record = await finalRecord(stackOf(), FROM);
  expect(record).toMatchObject({ endedBy: 'caller', endReason: 'caller_hangup', ingress: 'sip' });
  expect(record).not.toHaveProperty('missing');
  expect(said(record, 'caller').length).toBeGreaterThanOrEqual(2);
  expect(record.timeline.filter(({ late }) => late)).toEqual([]);
});

/** The id of a call that LiveKit refuses to make. */
async function refusedDial(): Promise<string> {
  const { apiUrl, apiKey, config } = stackOf();
  const response = await fetch(`${apiUrl}/v1/calls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ to: '+12025550799', line: config.lines[0]?.name }),
  });
  return ((await response.json()) as { id: string }).id;
}
