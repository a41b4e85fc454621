import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RoomServiceClient } from 'livekit-server-sdk';
import { describe, expect, test } from 'vitest';
import { phrasesFor } from '../agent/speech/phrases.ts';
import { decodeWav } from '../ingress/sip/media/wav.ts';
import { createRecogniser } from '../rehearsal/recogniser/recogniser.ts';
import { callsFrom, said } from './harness/call-records.ts';
import { RATE, utterances } from './harness/caller-speech.ts';
import { recordedCall } from './harness/recorded-call.ts';
import { useTestStack } from './harness/use-test-stack.ts';
import { useVoice } from './harness/use-voice.ts';

const stackOf = useTestStack({
  env: { TRUNKLINE_CONFIG: fileURLToPath(new URL('fixtures/impatient.yaml', import.meta.url)) },
});

/** Lines of fixtures/impatient.yaml. */
const LINES = { idle: '+12025550111', brief: '+12025550112', recorded: '+12025550113' };
const GREETING = 'Good evening.';
const { stillThere: STILL_THERE, goodbye: GOODBYE } = phrasesFor('en');
const HOURS = 'What are your opening hours?';
const OPEN =
  'We are open from Tuesday to Sunday, from noon to ten in the evening. How can I help you?';
/** The caller stays until the agent hangs up. */
const STAY = { hangUpAfterMs: 100_000 };

const voiceOf = useVoice(stackOf);

const call = (options: Parameters<typeof recordedCall>[2]) =>
  recordedCall(stackOf(), voiceOf(), options);

// Two or three calls at once: more, and a small machine damages what is said. To tell what was heard
// keeps this process busy, so that nobody speaks meanwhile.
describe('silence', () => {
  test.concurrent('the caller says nothing: asked once, then a goodbye', async () => {
    const caller = call({ line: LINES.idle, ...STAY });
    expect(await caller.result).toMatchObject({ endedBy: 'agent' });
    expect(await caller.record()).toMatchObject({
      endedBy: 'agent',
      endReason: 'idle',
      why: { cause: 'idle' },
    });
    await caller.expectHeard(GREETING, STILL_THERE, GOODBYE);
  });

  test.concurrent('the longest duration is reached: a goodbye', async () => {
    const caller = call({ line: LINES.brief, ...STAY });
    expect(await caller.result).toMatchObject({ endedBy: 'agent' });
    expect(await caller.record()).toMatchObject({ endedBy: 'system', endReason: 'max_duration' });
    await caller.expectHeard(GREETING, GOODBYE);
  });
});

describe('words', () => {
  test.concurrent('the agent hangs up when its goodbye was heard', async () => {
    const caller = call({ say: ['Goodbye.'], ...STAY });
    expect(await caller.result).toMatchObject({ endedBy: 'agent' });
    const record = await caller.record();
    expect(record).toMatchObject({ endedBy: 'agent', endReason: 'agent_hangup' });
    expect(said(record, 'agent')).toEqual([GREETING, GOODBYE]);
    await caller.expectHeard(GREETING, GOODBYE);
  });

  test.concurrent('a greeting from a WAV file is heard', async () => {
    const caller = call({ line: LINES.recorded, ...STAY });
    await caller.heard(1);
    caller.hangUp();
    await caller.result;
    const file = new URL('../ingress/sip/call/prompts/apology-en.wav', import.meta.url);
    const { pcm } = decodeWav(readFileSync(file));
    const [greeting] = utterances(caller.audio());
    const recogniser = createRecogniser([{ text: 'the recording', pcm }]);
    expect(recogniser.recognise(greeting as Int16Array, RATE).text).toBe('the recording');
  });
});

describe('interruptions', () => {
  test.concurrent('the caller who speaks over a long reply stops it', async () => {
    const caller = call({ say: [HOURS, 'Do you have parking?'], bargeInAfterMs: 1_500 });
    const { turns } = await caller.result;
    expect(turns.map(({ missed }) => missed)).toEqual([false, false]);
    const record = await caller.record();
    const agent = record.turns.filter(({ who }) => who === 'agent');
    expect(agent.map(({ interrupted = false }) => interrupted)).toEqual([false, true, false]);
    expect(agent[2]?.text).toContain('park behind the house');
    expect(await caller.sounds(OPEN)).not.toContain(OPEN);
  });

  test.concurrent('a caller who says "mm-hm" loses no word of it', async () => {
    const caller = call({ say: [HOURS, 'Mm-hm.'], hangUpAfterMs: 14_000, bargeInAfterMs: 1_500 });
    await caller.result;
    const record = await caller.record();
    expect(said(record, 'agent')).toEqual([GREETING, OPEN]);
    expect(said(record, 'caller')).toEqual([HOURS]);
    expect(record.turns.some(({ interrupted }) => interrupted)).toBe(false);
  });

  test.concurrent('the room is deleted: the caller gets a BYE', async () => {
    const caller = call(STAY);
    await caller.heard(1);
    const [running] = await callsFrom(stackOf(), caller.from);
    const { apiKey, apiSecret, url } = stackOf().config.livekit;
    const rooms = new RoomServiceClient(url.replace('ws', 'http'), apiKey, apiSecret);
    await rooms.deleteRoom(running?.room?.name ?? '');
    expect(await caller.result).toMatchObject({ endedBy: 'agent' });
    const record = await caller.record();
    expect(record).toMatchObject({ state: 'ended', endReason: 'room_deleted' });
    const ended = record.timeline.find(({ type }) => type === 'agent.ended');
    expect(ended?.data).toMatchObject({ endedBy: 'operator', endReason: 'room_deleted' });
  });
});
