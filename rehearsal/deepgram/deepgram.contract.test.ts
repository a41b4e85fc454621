import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { encodeG711 } from '../../ingress/sip/media/g711.ts';
import { loadPhraseBook } from '../recogniser/load-phrase-book.ts';
import { createRehearsal, type Rehearsal } from '../server.ts';
import { SettingsPatch } from '../settings.ts';
import { Voice } from '../voice/voice.ts';
import { TESTS_DATA_DIR } from '../voice/fixtures/tests-data-dir.ts';

const IDLE_MS = 400;
const KEY = { headers: { authorization: 'Token rehearsal' } };
const MULAW = 'encoding=mulaw&sample_rate=8000';

let rehearsal: Rehearsal;
let voice: Voice;
let sockets: WebSocket[] = [];

beforeAll(async () => {
  const dataDir = TESTS_DATA_DIR;
  voice = new Voice(dataDir);
  rehearsal = await createRehearsal({
    host: '127.0.0.1',
    port: 0,
    dataDir,
    idleLimitMs: IDLE_MS,
    settings: { stt: { delayMs: 0 }, tts: { delayMs: 0, speed: 1000 } },
  });
});

afterEach(() => {
  for (const socket of sockets) socket.terminate();
  sockets = [];
  rehearsal.change({
    stt: { failure: null, delayMs: 0 },
    tts: { failure: null, delayMs: 0, speed: 1000 },
  });
});

afterAll(async () => {
  await rehearsal.close();
  await voice.close();
});

function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 10_000, interval: 5 });
}

interface Connection {
  readonly socket: WebSocket;
  /** JSON messages so far. */
  readonly messages: { type: string; [key: string]: unknown }[];
  /** Binary messages so far. */
  readonly audio: Buffer[];
  readonly send: (message: object) => void;
}

async function connect(path: string, options: object = KEY): Promise<Connection> {
  const socket = new WebSocket(rehearsal.url.replace('http', 'ws') + path, options);
  sockets.push(socket);
  const messages: Connection['messages'] = [];
  const audio: Buffer[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) audio.push(data);
    else messages.push(JSON.parse(data.toString('utf8')) as Connection['messages'][number]);
  });
  await once(socket, 'open');
  return { socket, messages, audio, send: (message) => socket.send(JSON.stringify(message)) };
}

/** Status, headers and body of an upgrade that is refused. */
async function refusal(path: string, options: object = KEY) {
  const socket = new WebSocket(rehearsal.url.replace('http', 'ws') + path, options);
  sockets.push(socket);
  socket.on('error', () => undefined);
  const [, response] = await once(socket, 'unexpected-response');
  let body = '';
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(body) };
}

async function mulaw(text: string, silenceMs = 0): Promise<Uint8Array> {
  const pcm = await voice.speak(text, { speaker: 'caller', sampleRate: 8000 });
  const padded = new Int16Array(pcm.length + silenceMs * 8);
  padded.set(pcm);
  return encodeG711('PCMU', padded);
}

/** All at once: the emulator's clock is the audio's. */
function play(socket: WebSocket, audio: Uint8Array): void {
  for (let start = 0; start < audio.length; start += 160) {
    socket.send(audio.subarray(start, start + 160));
  }
}

describe('live transcription', () => {
  test('refuses as Deepgram does', async () => {
    const noKey = await refusal(`/v1/listen?${MULAW}`, {});
    expect(noKey.status).toBe(401);
    expect(noKey.body).toMatchObject({ err_code: 'INVALID_AUTH', err_msg: expect.any(String) });
    expect(noKey.headers['dg-request-id']).toBe(noKey.body.request_id);
    expect(noKey.headers['dg-error']).toBe('Invalid credentials.');
    const wrong = await refusal('/v1/listen?encoding=mp3&sample_rate=8000');
    expect(wrong.status).toBe(400);
    expect(wrong.body.err_msg).toContain('encoding');
    for (const status of [402, 429]) {
      rehearsal.change(
        SettingsPatch.parse({ stt: { failure: { kind: 'status', status, times: 1 } } }),
      );
      expect(await refusal(`/v1/listen?${MULAW}`)).toMatchObject({ status });
    }
    expect((await refusal('/v1/unknown')).status).toBe(404);
  });

  test('hears telephone audio and closes with a summary', async () => {
    const query = `${MULAW}&interim_results=true&vad_events=true&endpointing=30&utterance_end_ms=1000`;
    const { socket, messages, send } = await connect(`/v1/listen?${query}`);
    play(socket, await mulaw('What are your opening hours?', 1500));
    await eventually(() => expect(messages.at(-1)?.type).toBe('UtteranceEnd'));
    send({ type: 'CloseStream' });
    const [code] = await once(socket, 'close');
    expect(code).toBe(1000);
    expect(messages[0]).toMatchObject({ type: 'SpeechStarted', channel: [0] });
    const results = messages.filter(({ type }) => type === 'Results');
    expect(results.filter(({ is_final }) => !is_final).length).toBeGreaterThan(0);
    const final = results.find(({ is_final }) => is_final);
    expect(final).toMatchObject({
      channel_index: [0, 1],
      speech_final: true,
      from_finalize: false,
      channel: { alternatives: [{ transcript: 'What are your opening hours?' }] },
      metadata: { request_id: expect.any(String), model_info: { name: 'nova-3' } },
    });
    const { channel } = final as unknown as {
      channel: { alternatives: { words: { word: string; start: number; end: number }[] }[] };
    };
    const words = channel.alternatives[0]?.words ?? [];
    expect(words.map(({ word }) => word)).toEqual(['what', 'are', 'your', 'opening', 'hours']);
    expect(words.every(({ start, end }) => start < end)).toBe(true);
    expect(messages.at(-1)).toMatchObject({ type: 'Metadata', channels: 1 });
  });

  test('finalises at once when asked', async () => {
    const { socket, messages, send } = await connect(`/v1/listen?${MULAW}&endpointing=false`);
    play(socket, await mulaw('Goodbye.', 100));
    send({ type: 'Finalize' });
    await eventually(() =>
      expect(messages).toMatchObject([
        {
          type: 'Results',
          is_final: true,
          from_finalize: true,
          channel: { alternatives: [{ transcript: 'Goodbye.' }] },
        },
      ]),
    );
  });

  test('understands the language that was asked for', async () => {
    const { socket, messages } = await connect(`/v1/listen?${MULAW}&language=ru`);
    play(socket, await mulaw('Я хочу забронировать столик.', 500));
    await eventually(() =>
      expect(messages).toMatchObject([
        { channel: { alternatives: [{ transcript: 'Я хочу забронировать столик.' }] } },
      ]),
    );
  });

  test('answers not before its delay', async () => {
    rehearsal.change({ stt: { delayMs: 250 } });
    const { socket, messages } = await connect(`/v1/listen?${MULAW}&endpointing=30`);
    play(socket, await mulaw('Goodbye.', 300));
    const began = performance.now();
    await eventually(() => expect(messages).toHaveLength(1));
    expect(performance.now() - began).toBeGreaterThan(200);
  });

  test('closes a silent stream with NET-0001 unless it is kept alive', async () => {
    const kept = await connect(`/v1/listen?${MULAW}`);
    const alive = setInterval(() => kept.send({ type: 'KeepAlive' }), IDLE_MS / 8);
    try {
      const { socket } = await connect(`/v1/listen?${MULAW}`);
      const [code, reason] = await once(socket, 'close');
      expect(code).toBe(1011);
      expect(String(reason)).toContain('NET-0001');
      expect(kept.socket.readyState).toBe(WebSocket.OPEN);
    } finally {
      clearInterval(alive);
    }
  });

  test('garbage is answered, not died of', async () => {
    const { socket, messages } = await connect(`/v1/listen?${MULAW}`);
    socket.send('no json');
    socket.send(JSON.stringify({ type: 'Sing' }));
    await eventually(() => expect(messages.map(({ type }) => type)).toEqual(['Error', 'Error']));
    expect(socket.readyState).toBe(WebSocket.OPEN);
  });

  test('an outage cuts every call off, and is over at once', async () => {
    const { socket } = await connect(`/v1/listen?${MULAW}`);
    const response = await fetch(`${rehearsal.url}/rehearsal/disconnect`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'stt' }),
    });
    expect(await response.json()).toEqual({ disconnected: 1 });
    const [code] = await once(socket, 'close');
    expect(code).toBe(1006);
    await connect(`/v1/listen?${MULAW}`);
  });
});

describe('speech', () => {
  const SPEAK = '/v1/speak?model=aura-2-thalia-en&encoding=linear16&sample_rate=8000';

  test('says what it is sent, then that it is flushed', async () => {
    const { messages, audio, send } = await connect(SPEAK);
    const text = 'For how many people?';
    send({ type: 'Speak', text: 'For how ' });
    send({ type: 'Speak', text: 'many people?' });
    send({ type: 'Flush' });
    await eventually(() => expect(messages.at(-1)).toMatchObject({ type: 'Flushed' }));
    expect(messages[0]).toMatchObject({ type: 'Metadata', model_name: 'aura-2-thalia-en' });
    expect(audio.length).toBeGreaterThan(3);
    const bytes = Buffer.concat(audio);
    const pcm = new Int16Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
    );
    const agent = await loadPhraseBook(voice, [{ text }], 'agent');
    expect(agent.recognise(pcm, 8000)).toMatchObject({ text });
  });

  test('begins with a whole sentence before the flush', async () => {
    const { audio, send } = await connect(SPEAK);
    send({ type: 'Speak', text: 'At what time? And then' });
    await eventually(() => expect(audio.length).toBeGreaterThan(0));
  });

  test('stops when it is cleared', async () => {
    rehearsal.change({ tts: { speed: 1 } });
    const { messages, audio, send } = await connect(SPEAK);
    send({ type: 'Speak', text: 'We are open from Tuesday to Sunday, from noon to ten.' });
    send({ type: 'Flush' });
    await eventually(() => expect(audio.length).toBeGreaterThan(1));
    send({ type: 'Clear' });
    await eventually(() => expect(messages.at(-1)).toMatchObject({ type: 'Cleared' }));
    const heard = audio.length;
    rehearsal.change({ tts: { speed: 1000 } });
    send({ type: 'Speak', text: 'At what time?' });
    send({ type: 'Close' });
    const spoken = await voice.speak('At what time?', { speaker: 'agent', sampleRate: 8000 });
    await eventually(() =>
      expect(Buffer.concat(audio.slice(heard)).length).toBe(spoken.length * 2),
    );
  });

  test('says what is left and closes', async () => {
    const { socket, audio, send } = await connect(SPEAK.replace('linear16', 'mulaw'));
    send({ type: 'Speak', text: 'Goodbye' });
    send({ type: 'Close' });
    const [code] = await once(socket, 'close');
    expect(code).toBe(1000);
    expect(Buffer.concat(audio).length).toBeGreaterThan(2000);
  });

  test('warns of too many flushes and of what it does not understand', async () => {
    const { messages, send } = await connect(SPEAK);
    send({ type: 'Shout' });
    await eventually(() => expect(messages.at(-1)).toMatchObject({ type: 'Warning' }));
    for (let count = 0; count < 21; count++) send({ type: 'Flush' });
    await eventually(() => expect(messages).toHaveLength(23));
    expect(messages.filter(({ type }) => type === 'Flushed')).toHaveLength(20);
    expect(messages).toContainEqual(
      expect.objectContaining({ type: 'Warning', code: 'EXCEEDED_FLUSH_LIMIT' }),
    );
  });

  test('refuses what Aura refuses', async () => {
    const wrong = await refusal('/v1/speak?encoding=mulaw&sample_rate=44100');
    expect(wrong.status).toBe(400);
    expect(wrong.body.err_msg).toContain('sample_rate');
  });

  test('connects and stays mute, or never answers', async () => {
    rehearsal.change(SettingsPatch.parse({ tts: { failure: { kind: 'mute', times: 1 } } }));
    const mute = await connect(SPEAK);
    mute.send({ type: 'Speak', text: 'Hello.' });
    mute.send({ type: 'Flush' });
    const heard = await connect(SPEAK);
    heard.send({ type: 'Speak', text: 'Hello.' });
    heard.send({ type: 'Flush' });
    await eventually(() => expect(heard.messages.at(-1)).toMatchObject({ type: 'Flushed' }));
    expect(mute.messages).toEqual([]);
    rehearsal.change(SettingsPatch.parse({ tts: { failure: { kind: 'hang', times: 1 } } }));
    await expect(connect(SPEAK, { ...KEY, handshakeTimeout: 200 })).rejects.toThrow('timed out');
  });

  test('answers a plain request', async () => {
    const response = await fetch(`${rehearsal.url}/v1/speak?encoding=mulaw&sample_rate=8000`, {
      method: 'POST',
      headers: { authorization: 'Token rehearsal', 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'At what time?' }),
    });
    expect(response.status).toBe(200);
    const spoken = await voice.speak('At what time?', { speaker: 'agent', sampleRate: 8000 });
    expect((await response.bytes()).length).toBe(spoken.length);
  });
});

test('settings and statistics are told over HTTP', async () => {
  const put = (body: object) =>
    fetch(`${rehearsal.url}/rehearsal/settings`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const changed = await put({ llm: { delayMs: 77 } });
  expect(await changed.json()).toMatchObject({ llm: { delayMs: 77 } });
  const wrong = await put({ llm: { delay: 1 } });
  expect(wrong.status).toBe(400);
  expect(await wrong.json()).toMatchObject({ error: expect.stringContaining('delay') });
  const stats = await (await fetch(`${rehearsal.url}/rehearsal/stats`)).json();
  expect(stats).toMatchObject({ stt: { requests: expect.any(Number) }, llm: {}, tts: {} });
});
