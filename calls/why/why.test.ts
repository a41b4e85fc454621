import { expect, test } from 'vitest';
import { eventsOf, reportsOf } from '../../webhooks/in/fixtures/histories.ts';
import type { Trace } from '../../webhooks/in/fixtures/histories.ts';
import type { CallEvent } from '../events.ts';
import { fold } from '../fold.ts';
import { sealed } from '../state.ts';
import { whyOf } from './why.ts';

/** The record that the events make, sealed at their end. */
function explain(events: readonly CallEvent[]) {
  const call = fold('call_1', events);
  if (call === undefined) throw new Error('no call');
  return whyOf(sealed(call, call.endedAt ?? ''), events);
}
const told = (trace: Trace, ...more: CallEvent[]) => [...eventsOf(trace), ...more];

const hungUp = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
const BYE = 'inbound-novofon-caller-bye';
const reports = (...left: CallEvent['type'][]) =>
  reportsOf(BYE, hungUp).filter(({ type }) => !left.includes(type));

/** Said by the worker `after` ms from the first that it said. */
function worker(after: number, body: Pick<CallEvent, 'type' | 'data'>): CallEvent {
  const [first] = reports();
  const at = new Date(Date.parse(first?.at ?? '') + after).toISOString();
  return { ...(first as CallEvent), id: `01W${after}`, at, ...body } as CallEvent;
}
const error = (component: 'stt' | 'llm' | 'tts' | 'session', message: string) =>
  worker(900, { type: 'agent.error', data: { component, message, recoverable: false } });
const failed = worker(1_000, {
  type: 'agent.ended',
  data: { endedBy: 'system', endReason: 'provider_failure', detail: 'stt_error' },
});

test.each<[string, CallEvent[], string, RegExp]>([
  [
    'nobody came',
    told('inbound-no-agent-rings-180s'),
    'no_worker',
    /^No agent came; .* after 181 s/,
  ],
  ['no RTP', told('inbound-caller-vanishes-media-timeout'), 'audio_stopped', /^The caller's audio/],
  ['busy', told('outbound-busy-486'), 'rejected', /^The call was refused/],
  ['no answer', told('outbound-no-answer-ringing-timeout'), 'no_answer', /^Nobody answered/],
  ['a hang-up', told(BYE, ...reports('turn')), 'caller_hangup', /^The person on the line hung up/],
  [
    'no greeting',
    told(BYE, ...reports('turn', 'agent.first_audio')),
    'greeting_unheard',
    /hung up \d+ s after the answer, before the agent's greeting/,
  ],
  ['no reply', told(BYE, ...reports()), 'agent_silent', /^The caller waited \d+ s for a reply/],
  [
    'a key that is refused',
    told(BYE, error('stt', 'Deepgram refused: 401'), failed),
    'stt_refused',
    /^The speech recogniser refused us \(401\)/,
  ],
  [
    'a voice that fails',
    told(BYE, error('tts', 'the socket closed'), failed),
    'tts_failed',
    /^The voice failed; the agent apologised/,
  ],
  [
    'a voice that stalls again and again',
    told(
      BYE,
      ...reports(),
      ...[700, 800].map((after) =>
        worker(after, {
          type: 'agent.error',
          data: {
            component: 'tts',
            message: 'Deepgram sends no speech, in mid-speech',
            recoverable: false,
          },
        }),
      ),
    ),
    'tts_stalled',
    /^The voice stalled 2 times/,
  ],
  [
    'a model that takes its time',
    told(
      BYE,
      ...reports('turn'),
      ...[7, 8].map((index) =>
        worker(index, {
          type: 'turn',
          data: {
            index,
            who: 'agent',
            text: 'Yes.',
            latency: { llmFirstToken: 3_000, ttsFirstByte: 100, total: 3_500 },
          },
        }),
      ),
    ),
    'llm_slow',
    /^Replies were slow: half of them took 3.5 s or longer, most of it the language model/,
  ],
  [
    'a recogniser that hears nothing',
    told(BYE, error('session', 'the caller spoke and no word was recognised'), failed),
    'stt_deaf',
    /^The caller spoke and the speech recogniser understood no word/,
  ],
])('%s', (_what, events, cause, sentence) => {
  expect(explain(events)).toMatchObject({ cause, sentence: expect.stringMatching(sentence) });
});

test('what an agent says that was cut off from us is not guessed at', () => {
  expect(explain(told(BYE))?.cause).toBe('caller_hangup');
});

test('evidence names the event that says so', () => {
  const why = explain(told(BYE, error('llm', 'status 429'), failed));
  expect(why).toMatchObject({
    cause: 'llm_refused',
    layer: 'llm',
    evidence: [{ text: 'status 429', eventId: '01W900' }],
    nextSteps: [expect.stringContaining('limit')],
  });
});

test('a call that goes on has no cause yet', () => {
  const [first] = eventsOf(BYE).filter(({ type }) => type === 'participant.joined');
  const events = first ? [first] : [];
  const call = fold('call_1', events);
  expect(call && whyOf(call, events)).toBeUndefined();
});
