import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { fold } from '../calls/fold.ts';
import { sealed } from '../calls/state.ts';
import { eventsOf, reportsOf } from '../webhooks/in/fixtures/histories.ts';
import { createCallMetrics } from './call-metrics.ts';

const TRACE = 'inbound-novofon-caller-bye';

test('a sealed call is counted with its stages, and says nothing of whose it was', async () => {
  const events = [
    ...eventsOf(TRACE),
    ...reportsOf(TRACE, { endedBy: 'caller', endReason: 'caller_hangup' }),
  ];
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no call');
  const registry = new Registry();
  const metrics = createCallMetrics(registry);
  const spoken = { index: 9, who: 'agent', text: 'Yes.', job: 'AJ_1', at: call.startedAt } as const;
  const latency = { llmFirstToken: 400, ttsFirstByte: 100, total: 900 };
  metrics.countSealed(
    sealed({ ...call, turns: [...call.turns, { ...spoken, latency }] }, call.endedAt ?? ''),
  );
  for (const event of events) metrics.countEvent(event);

  const text = await registry.metrics();
  expect(text).toMatch(
    /trunkline_calls_total\{state="ended",end_reason="caller_hangup",line="[^"]*",ingress="livekit-sip",direction="inbound"\} 1/,
  );
  expect(text).toContain('trunkline_voice_to_voice_seconds_sum');
  expect(text).toMatch(/trunkline_stage_seconds_bucket\{le="0.5",stage="llm"\} 1/);
  expect(text).toMatch(/trunkline_call_setup_seconds_count\{ingress="livekit-sip"\} 1/);
  expect(text).toMatch(/trunkline_audio_tracks_total [1-9]/);
  for (const one of [call.from, call.to, call.room?.name]) expect(text).not.toContain(one);
});
