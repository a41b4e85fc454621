import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CallEvent, CallResult } from '../../rehearsal/caller/call-events.ts';
import type { PlaceCallOptions } from '../../rehearsal/caller/place-call.ts';
import { decodeWav } from '../../ingress/sip/media/wav.ts';
import type { Voice } from '../../rehearsal/voice/voice.ts';
import { finalRecord } from './call-records.ts';
import type { CallDetail } from './call-records.ts';
import { endsWith, hearAgent } from './caller-speech.ts';
import { expectUnderstood } from './expect-understood.ts';
import { startCall } from './simulated-caller.ts';
import type { TestStack } from './start-test-stack.ts';
import { waitFor } from './wait-for.ts';

/** A simulated call from a number of its own, of which it can be said what the caller heard. */
export interface RecordedCall {
  readonly from: string;
  readonly result: Promise<CallResult>;
  /** Resolves once the caller heard the agent fall silent so many times; the greeting is one. */
  heard(utterances: number): Promise<unknown>;
  /** Resolves once there were so many events of this type. */
  happened(type: CallEvent['type'], count?: number): Promise<unknown>;
  hangUp(): void;
  /** After the call: its final record. */
  record(): Promise<CallDetail>;
  /** After the call: what the caller heard, PCM16 mono at 8 kHz. */
  audio(): Int16Array;
  /** After the call: which of `texts` each utterance of the agent sounded like. */
  sounds(...texts: string[]): Promise<string[]>;
  /** After the call: whether the agent's last words sounded like this. */
  endsWith(text: string): Promise<boolean>;
  /** After the call: these were the utterances of the agent, by their sound, and no others. */
  expectHeard(...texts: string[]): Promise<void>;
}

let calls = 0;

/** @param options.line number that is dialled; default: one of no line in particular */
export function recordedCall(
  stack: TestStack,
  voice: Voice,
  { line = '+12025550199', ...options }: Partial<PlaceCallOptions> & { line?: string } = {},
): RecordedCall {
  const from = `+1202555${6_000 + calls++}`;
  const record = join(stack.dataDir, `call-from-${from}.wav`);
  const to = `sip:${line}@${stack.sip}`;
  const call = startCall(stack, voice, { from, to, record, ...options });
  // The right channel is the caller's ear.
  const audio = () => decodeWav(readFileSync(record)).pcm.filter((_, index) => index % 2 === 1);
  const sounds = (...texts: string[]) => hearAgent(voice, audio(), texts);
  return {
    from,
    result: call.result,
    heard: (utterances) => call.heard(utterances),
    happened: (wanted, count = 1) =>
      waitFor(() => call.events.filter(({ type }) => type === wanted).length >= count, {
        timeout: 45_000,
        what: `"${wanted}" to happen ${count} times`,
      }),
    hangUp: () => call.hangUp(),
    record: () => finalRecord(stack, from),
    audio,
    sounds,
    endsWith: (text) => endsWith(voice, audio(), text),
    expectHeard: async (...texts) => expectUnderstood(await sounds(...texts), texts),
  };
}
