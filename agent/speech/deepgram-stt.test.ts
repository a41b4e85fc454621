import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { initializeLogger, stt } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { DeepgramStt } from './deepgram-stt.ts';
import { STT_SAMPLE_RATE } from '../audio/sample-rates.ts';

const { START_OF_SPEECH, INTERIM_TRANSCRIPT, FINAL_TRANSCRIPT, END_OF_SPEECH } =
  stt.SpeechEventType;
const FRAME = STT_SAMPLE_RATE / 50;

beforeAll(() => initializeLogger({ pretty: false, level: 'silent' }));

const until = (check: () => void) => vi.waitFor(check, { interval: 5 });

/** A recogniser at a Deepgram that says what the test wants; time is audio that was sent. */
async function listen() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const recogniser = new DeepgramStt({
    apiKey: 'key',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model: 'nova-3',
    language: 'en',
    endpointingMs: 300,
    keyterms: [],
  });
  const stream = recogniser.stream();
  const heard: stt.SpeechEventType[] = [];
  void (async () => {
    for await (const { type } of stream) heard.push(type);
  })();
  const [socket, request] = (await once(server, 'connection')) as [WebSocket, { url: string }];
  const asked: unknown[] = [];
  let sentSeconds = 0;
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) sentSeconds += data.length / 2 / STT_SAMPLE_RATE;
    else asked.push(JSON.parse(data.toString()));
  });
  onTestFinished(() => {
    stream.close();
    server.close();
    for (const client of server.clients) client.terminate();
  });
  return {
    heard,
    asked,
    query: new URL(request.url, 'http://deepgram').searchParams,
    /** Silence of the caller's, until the recogniser has sent all of it. */
    wait: async (seconds: number) => {
      const due = sentSeconds + seconds;
      for (let frame = 0; frame < seconds * 50; frame++) {
        stream.pushFrame(new AudioFrame(new Int16Array(FRAME), STT_SAMPLE_RATE, 1, FRAME));
      }
      await until(() => expect(sentSeconds).toBeGreaterThan(due - 0.01));
    },
    /** Resolves when the recogniser has made `events` of it. */
    says: async (message: object, ...events: stt.SpeechEventType[]) => {
      const before = heard.length;
      socket.send(JSON.stringify(message));
      await until(() => expect(heard.slice(before)).toEqual(events));
    },
    words: (text: string, end: number, isFinal: boolean) => ({
      type: 'Results',
      start: end - 0.5,
      duration: 0.5,
      is_final: isFinal,
      speech_final: false,
      channel: {
        alternatives: [
          { transcript: text, confidence: 1, words: text ? [{ start: end - 0.5, end }] : [] },
        ],
      },
    }),
  };
}

describe('speech whose end Deepgram does not tell by speech_final', () => {
  test('ends with the utterance, which is asked for', async () => {
    const { query, wait, says, words } = await listen();
    expect(query.get('utterance_end_ms')).toBe('1000');
    await wait(1);
    await says(words('Hello.', 0.9, true), START_OF_SPEECH, FINAL_TRANSCRIPT);
    await says({ type: 'UtteranceEnd', last_word_end: 0.9 }, END_OF_SPEECH);
  });

  test('does not end with an utterance before it', async () => {
    const { heard, wait, says, words } = await listen();
    await wait(1);
    await says(words('Hello.', 0.9, true), START_OF_SPEECH, FINAL_TRANSCRIPT);
    await wait(1);
    await says(words('I would', 1.9, false), INTERIM_TRANSCRIPT);
    await says({ type: 'UtteranceEnd', last_word_end: 0.9 });
    await says(words('I would like', 2.4, false), INTERIM_TRANSCRIPT);
    expect(heard).not.toContain(END_OF_SPEECH);
  });

  test('ends 2 s after its last word when nothing at all is told', async () => {
    const { heard, asked, wait, says, words } = await listen();
    await wait(1);
    await says(words('Hello.', 0.9, true), START_OF_SPEECH, FINAL_TRANSCRIPT);
    await wait(1.8);
    expect(heard).not.toContain(END_OF_SPEECH);
    await wait(0.2);
    expect(heard.at(-1)).toBe(END_OF_SPEECH);
    expect(asked).toEqual([]);
  });

  test('goes on while words come, however late', async () => {
    const { heard, wait, says, words } = await listen();
    await wait(3.5);
    await says(words('Hello.', 0.9, true), START_OF_SPEECH, FINAL_TRANSCRIPT);
    await wait(1);
    await says(words('I would', 2, false), INTERIM_TRANSCRIPT);
    await wait(1);
    expect(heard).not.toContain(END_OF_SPEECH);
  });

  test('is asked for when it has not become final, and ends with it', async () => {
    const { heard, asked, wait, says, words } = await listen();
    await wait(1);
    await says(words('Hello', 0.9, false), START_OF_SPEECH, INTERIM_TRANSCRIPT);
    await wait(2);
    expect(asked).toEqual([{ type: 'Finalize' }]);
    expect(heard).not.toContain(END_OF_SPEECH);
    await says(words('Hello.', 0.9, true), FINAL_TRANSCRIPT, END_OF_SPEECH);
  });

  test('ends when it does not become final although that was asked for', async () => {
    const { heard, asked, wait, says, words } = await listen();
    await wait(1);
    await says(words('Hello', 0.9, false), START_OF_SPEECH, INTERIM_TRANSCRIPT);
    await wait(3.5);
    expect(asked).toEqual([{ type: 'Finalize' }]);
    expect(heard.at(-1)).toBe(END_OF_SPEECH);
  });

  test('that holds no word ends after 3 s', async () => {
    const { heard, wait, says } = await listen();
    await wait(0.1);
    await says({ type: 'SpeechStarted' }, START_OF_SPEECH);
    await wait(2.9);
    expect(heard).toEqual([START_OF_SPEECH]);
    await wait(0.2);
    expect(heard).toEqual([START_OF_SPEECH, END_OF_SPEECH]);
  });
});
