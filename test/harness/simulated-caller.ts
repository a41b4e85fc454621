import { placeCall } from '../../rehearsal/caller/place-call.ts';
import type { PlaceCallOptions } from '../../rehearsal/caller/place-call.ts';
import type { CallEvent, CallResult } from '../../rehearsal/caller/call-events.ts';
import type { Voice } from '../../rehearsal/voice/voice.ts';
import { RATE } from './caller-speech.ts';
import type { TestStack } from './start-test-stack.ts';
import { waitFor } from './wait-for.ts';

/** A call of the project's own simulated caller. */
export interface SimulatedCall {
  readonly result: Promise<CallResult>;
  readonly events: readonly CallEvent[];
  /** Resolves once the caller heard the agent fall silent so many times; the greeting is one. */
  readonly heard: (utterances: number) => Promise<unknown>;
  readonly hangUp: () => void;
}

export function startCall(
  stack: TestStack,
  voice: Voice,
  options: Partial<PlaceCallOptions> & Pick<PlaceCallOptions, 'from'>,
): SimulatedCall {
  const events: CallEvent[] = [];
  const hangUp = new AbortController();
  const result = placeCall({
    to: `sip:+12025550199@${stack.sip}`,
    say: [],
    voice: (text) => voice.speak(text, { speaker: 'caller', sampleRate: RATE }),
    signal: hangUp.signal,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    result,
    events,
    heard: (utterances) =>
      waitFor(() => events.filter(({ type }) => type === 'heard').length >= utterances, {
        timeout: 45_000,
        what: `the agent to be heard ${utterances} times`,
      }),
    hangUp: () => hangUp.abort(),
  };
}
