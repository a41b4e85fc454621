import { initializeLogger, stt, tts } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DeepgramStt } from '../agent/speech/deepgram-stt.ts';
import { STT_SAMPLE_RATE } from '../agent/audio/sample-rates.ts';
import { DeepgramTts } from '../agent/speech/deepgram-tts.ts';
import { createRehearsal } from '../rehearsal/server.ts';
import type { Rehearsal } from '../rehearsal/server.ts';
import { SettingsPatch } from '../rehearsal/settings.ts';
import type { Service } from '../rehearsal/settings.ts';
import { Voice } from '../rehearsal/voice/voice.ts';
import { waitFor } from './harness/wait-for.ts';
import { TESTS_DATA_DIR } from '../rehearsal/voice/fixtures/tests-data-dir.ts';

const BOOK = "I'd like to book a table.";
const FOUR = 'For four people.';
const SPOKEN_RATE = 24_000;
const FRAME = STT_SAMPLE_RATE / 50;
/** Quicker than in a call; a provider that is away is asked for again until it is back. */
const PATIENT = { maxRetry: 1_000, retryIntervalMs: 50, timeoutMs: 5_000 };
const TWICE = { maxRetry: 1, retryIntervalMs: 0, timeoutMs: 5_000 };

let rehearsal: Rehearsal;
let voice: Voice;
const toClose: (() => unknown)[] = [];

beforeAll(async () => {
  initializeLogger({ pretty: false, level: 'silent' });
  const dataDir = TESTS_DATA_DIR;
  voice = new Voice(dataDir);
  rehearsal = await createRehearsal({ host: '127.0.0.1', port: 0, dataDir });
});
afterEach(async () => {
  for (const close of toClose.splice(0).toReversed()) await close();
  rehearsal.change({
    stt: { failure: null, delayMs: 0 },
    tts: { failure: null, delayMs: 0, speed: 1000 },
  });
});
afterAll(async () => {
  await rehearsal.close();
  await voice.close();
});

function fail(service: Service, failure: object): void {
  rehearsal.change(SettingsPatch.parse({ [service]: { failure } }));
}

/** Drops every open connection. */
async function disconnect(service: Service): Promise<void> {
  await fetch(`${rehearsal.url}/rehearsal/disconnect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ service }),
  });
}

/** Samples of the text when it is spoken once and whole; chunks are of 50 ms. */
async function lengthOf(text: string): Promise<number> {
  return (await voice.speak(text, { speaker: 'agent', sampleRate: SPOKEN_RATE })).length;
}

interface Heard {
  readonly event: stt.SpeechEvent;
  /** Date.now() of its arrival. */
  readonly at: number;
}

/** A line on which a caller is silent unless they `say` something, in frames of 20 ms. */
function openLine() {
  const recogniser = new DeepgramStt({
    apiKey: 'rehearsal',
    baseUrl: rehearsal.url,
    model: 'nova-3',
    language: 'en',
    endpointingMs: 200,
    keyterms: ['Trattoria'],
  });
  const errors: unknown[] = [];
  recogniser.on('error', (error) => errors.push(error));
  const stream = recogniser.stream({ connOptions: PATIENT });
  const heard: Heard[] = [];
  const ended = (async () => {
    for await (const event of stream) heard.push({ event, at: Date.now() });
  })();

  let speech: Int16Array = new Int16Array(0);
  const startedAt = performance.now();
  let frames = 0;
  const talking = setInterval(() => {
    // A late timer catches up, so that the line's clock is right on average.
    for (; frames * 20 <= performance.now() - startedAt; frames++) {
      const samples = new Int16Array(FRAME);
      samples.set(speech.subarray(0, FRAME));
      speech = speech.subarray(FRAME);
      stream.pushFrame(new AudioFrame(samples, STT_SAMPLE_RATE, 1, FRAME));
    }
  }, 10);
  const close = () => {
    clearInterval(talking);
    stream.close();
  };
  toClose.push(close);
  return {
    heard,
    errors,
    ended,
    close,
    /** Resolves when it is said. */
    async say(text: string): Promise<void> {
      speech = await voice.speak(text, { speaker: 'caller', sampleRate: STT_SAMPLE_RATE });
      await waitFor(() => speech.length === 0, { what: `"${text}" to be said` });
    },
    eventsOf: (type: stt.SpeechEventType) => heard.filter(({ event }) => event.type === type),
    finals: () =>
      heard
        .filter(({ event }) => event.type === stt.SpeechEventType.FINAL_TRANSCRIPT)
        .map(({ event }) => event.alternatives?.[0].text),
  };
}

describe('DeepgramStt', () => {
  test('recognises what is said, and knows when it ended', async () => {
    const line = openLine();
    const startedAt = Date.now();
    await line.say(BOOK);
    const end = await waitFor(() => line.eventsOf(stt.SpeechEventType.END_OF_SPEECH)[0]);
    expect(line.finals()).toEqual([BOOK]);
    expect(line.heard[0]?.event.type).toBe(stt.SpeechEventType.START_OF_SPEECH);
    expect(line.eventsOf(stt.SpeechEventType.INTERIM_TRANSCRIPT)).not.toEqual([]);
    expect(end.event.speechEndTime).toBeGreaterThan(startedAt);
    expect(end.event.speechEndTime).toBeLessThan(end.at);
    expect(line.errors).toEqual([]);
  });

  test('a socket that is cut is back by itself', async () => {
    const line = openLine();
    await line.say(BOOK);
    await waitFor(() => line.finals().length === 1);
    const { requests } = rehearsal.stats.stt;
    await disconnect('stt');
    await waitFor(() => rehearsal.stats.stt.requests > requests);
    await line.say(FOUR);
    await waitFor(() => line.finals().length === 2);
    expect(line.finals()).toEqual([BOOK, FOUR]);
    expect(line.errors).toEqual([]);
  });

  test('what is being said when the socket is cut is not lost', async () => {
    const line = openLine();
    const said = line.say(BOOK);
    await waitFor(() => line.eventsOf(stt.SpeechEventType.INTERIM_TRANSCRIPT).length > 0);
    await disconnect('stt');
    await said;
    await waitFor(() => line.finals().length > 0);
    expect(line.finals()).toEqual([BOOK]);
    expect(line.errors).toEqual([]);
  });

  test('what is said while the provider is away is recognised when it is back', async () => {
    const line = openLine();
    await waitFor(() => rehearsal.stats.stt.open === 1);
    const { failed } = rehearsal.stats.stt;
    fail('stt', { kind: 'refuse' });
    await disconnect('stt');
    await waitFor(() => rehearsal.stats.stt.failed > failed);
    await line.say(BOOK);
    expect(line.heard).toEqual([]);
    rehearsal.change({ stt: { failure: null } });
    await waitFor(() => line.finals().length > 0);
    expect(line.finals()).toEqual([BOOK]);
    expect(line.errors).toEqual([]);
  });

  test('a refusal is one clear error, not tried again', async () => {
    const { requests } = rehearsal.stats.stt;
    fail('stt', { kind: 'status', status: 401 });
    const line = openLine();
    await waitFor(() => line.errors.length > 0);
    line.close();
    await line.ended;
    expect(line.errors).toMatchObject([
      {
        type: 'stt_error',
        recoverable: false,
        error: { message: 'Deepgram refused the connection (401)', statusCode: 401 },
      },
    ]);
    expect(rehearsal.stats.stt.requests).toBe(requests + 1);
  });

  test('a provider that stays deaf is given up', { timeout: 60_000 }, async () => {
    fail('stt', { kind: 'mute' });
    const line = openLine();
    await waitFor(() => line.errors.length > 0, { timeout: 50_000 });
    expect(line.errors).toMatchObject([
      { recoverable: false, error: { message: 'Deepgram is deaf' } },
    ]);
  });

  test('a line that is closed leaves no socket open', async () => {
    const line = openLine();
    await waitFor(() => rehearsal.stats.stt.open === 1);
    line.close();
    await line.ended;
    await waitFor(() => rehearsal.stats.stt.open === 0);
    expect(line.errors).toEqual([]);
  });
});

function openVoice() {
  const speaker = new DeepgramTts({
    apiKey: 'rehearsal',
    baseUrl: rehearsal.url,
    model: 'aura-2-thalia-en',
    sampleRate: SPOKEN_RATE,
  });
  const errors: { readonly recoverable: boolean; readonly error: Error }[] = [];
  speaker.on('error', (error) => errors.push(error));
  toClose.push(() => speaker.close());
  return { speaker, errors };
}

/** The words come in pieces, as a model's do. */
function startReply(
  speaker: DeepgramTts,
  text: string,
  { isWhole = true, timeoutMs = TWICE.timeoutMs } = {},
) {
  const stream = speaker.stream({ connOptions: { ...TWICE, timeoutMs } });
  for (const word of text.match(/\s*\S+/g) ?? []) stream.pushText(word);
  if (isWhole) stream.endInput();
  let samples = 0;
  const ended = (async () => {
    for await (const piece of stream) {
      if (piece !== tts.SynthesizeStream.END_OF_STREAM) samples += piece.frame.data.length;
    }
    return samples;
  })();
  return {
    /** To its end, be that an error; resolves to the samples heard. */
    ended,
    begun: () => waitFor(() => samples > 0, { what: 'speech' }),
    interrupt: () => stream.close(),
  };
}

const say = (speaker: DeepgramTts, text: string) => startReply(speaker, text).ended;

describe('DeepgramTts', () => {
  const REPLY = 'We are open from Tuesday to Sunday. The kitchen closes at half past nine.';

  test('two replies over one socket', async () => {
    const { requests } = rehearsal.stats.tts;
    const { speaker, errors } = openVoice();
    expect(await say(speaker, REPLY)).toBeGreaterThanOrEqual(0.9 * (await lengthOf(REPLY)));
    expect(await say(speaker, FOUR)).toBe(await lengthOf(FOUR));
    expect(rehearsal.stats.tts.requests).toBe(requests + 1);
    expect(errors).toEqual([]);
  });

  test('the first sentence is spoken while the next are awaited, a short one with the next', async () => {
    const { speaker, errors } = openVoice();
    const reply = startReply(speaker, `Yes. ${FOUR} And`, { isWhole: false });
    await reply.begun();
    reply.interrupt();
    expect(errors).toEqual([]);
  });

  test('of an interrupted reply nothing is heard in the next', async () => {
    const { requests } = rehearsal.stats.tts;
    rehearsal.change({ tts: { speed: 1 } });
    const { speaker, errors } = openVoice();
    const first = startReply(speaker, REPLY);
    await first.begun();
    first.interrupt();
    // Another is open before it is needed.
    await waitFor(() => rehearsal.stats.tts.requests === requests + 2);
    rehearsal.change({ tts: { speed: 1000 } });
    expect(await say(speaker, FOUR)).toBe(await lengthOf(FOUR));
    expect(await first.ended).toBeLessThan(await lengthOf(REPLY));
    expect(rehearsal.stats.tts.requests).toBe(requests + 2);
    expect(errors).toEqual([]);
  });

  test.each([
    // The connection made beforehand, and the first of the reply's own.
    { kind: 'refuse', times: 2 },
    { kind: 'status', status: 503, times: 2 },
    { kind: 'mute', times: 1 },
    { kind: 'empty', times: 1 },
    { kind: 'silent', times: 1 },
  ])('a connection that fails ($kind) is tried once more, with the whole text', async (failure) => {
    const { requests } = rehearsal.stats.tts;
    fail('tts', failure);
    const { speaker, errors } = openVoice();
    await waitFor(() => rehearsal.stats.tts.requests > requests);
    const reply = startReply(speaker, FOUR, { timeoutMs: 500 });
    expect(await reply.ended).toBe(await lengthOf(FOUR));
    expect(rehearsal.stats.tts.requests).toBe(requests + failure.times + 1);
    expect(errors).toMatchObject([{ type: 'tts_error', recoverable: true }]);
  });

  test('forty sentences are spoken, all of them', { timeout: 60_000 }, async () => {
    const sentences = Array.from(
      { length: 40 },
      (_, n) => `This is sentence number ${n} of a reply that is much too long.`,
    );
    const text = sentences.join(' ');
    expect(text.length).toBeGreaterThan(2_000);
    const { speaker, errors } = openVoice();
    expect(await say(speaker, text)).toBeGreaterThan(0.9 * (await lengthOf(text)));
    expect(errors).toEqual([]);
  });

  test.each([
    { kind: 'empty', message: 'Deepgram answers without speech' },
    { kind: 'silent', message: 'Deepgram answers without speech' },
    { kind: 'first', message: 'Deepgram has spoken only a part, in mid-speech' },
    { kind: 'stall', message: 'Deepgram sends no speech, in mid-speech' },
  ])('an answer that is not all of the text ($kind) is an error', async ({ kind, message }) => {
    fail('tts', { kind });
    const { speaker, errors } = openVoice();
    const reply = startReply(speaker, `Yes. ${REPLY.repeat(5)}`, { timeoutMs: 500 });
    await reply.ended;
    expect(errors.at(-1)).toMatchObject({ recoverable: false, error: { message } });
  });

  test('what has no sound is no reply, and no error', async () => {
    const { speaker, errors } = openVoice();
    expect(await say(speaker, '🙂 …')).toBe(0);
    expect(errors).toEqual([]);
  });

  test('each piece of audio knows the words that begin with it', async () => {
    const { speaker } = openVoice();
    const text = `${REPLY} ${FOUR}`;
    const stream = speaker.stream({ connOptions: TWICE });
    for (const word of text.match(/\s*\S+/g) ?? []) stream.pushText(word);
    stream.endInput();
    const words: string[] = [];
    for await (const piece of stream) {
      if (piece === tts.SynthesizeStream.END_OF_STREAM) continue;
      words.push(...(piece.timedTranscripts ?? []).map(({ text: said }) => said));
    }
    expect(words).toEqual([
      'We are open from Tuesday to Sunday. ',
      'The kitchen closes at half past nine. For four people.',
    ]);
  });

  test('a second failure is an error', async () => {
    fail('tts', { kind: 'refuse' });
    const { speaker, errors } = openVoice();
    expect(await say(speaker, FOUR)).toBe(0);
    expect(errors).toMatchObject([{ recoverable: true }, { recoverable: false }]);
  });

  test('a reply that breaks off is an error, and is not said again', async () => {
    rehearsal.change({ tts: { speed: 1 } });
    const { speaker, errors } = openVoice();
    const reply = startReply(speaker, REPLY);
    await reply.begun();
    const { requests } = rehearsal.stats.tts;
    await disconnect('tts');
    expect(await reply.ended).toBeLessThan(await lengthOf(REPLY));
    expect(errors).toMatchObject([
      { recoverable: false, error: { message: expect.stringContaining('in mid-speech') } },
    ]);
    expect(rehearsal.stats.tts.requests).toBe(requests);
    rehearsal.change({ tts: { speed: 1000 } });
    expect(await say(speaker, FOUR)).toBe(await lengthOf(FOUR));
  });

  test('closing leaves no socket open, also in mid-reply', async () => {
    const idle = openVoice();
    await waitFor(() => rehearsal.stats.tts.open === 1);
    await idle.speaker.close();
    await idle.speaker.close();
    await waitFor(() => rehearsal.stats.tts.open === 0);

    rehearsal.change({ tts: { speed: 1 } });
    const busy = openVoice();
    const reply = startReply(busy.speaker, REPLY);
    await reply.begun();
    await busy.speaker.close();
    reply.interrupt();
    await reply.ended;
    await waitFor(() => rehearsal.stats.tts.open === 0);
    expect([...idle.errors, ...busy.errors]).toEqual([]);
  });
});
