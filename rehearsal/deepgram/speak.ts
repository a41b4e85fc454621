import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Conduct } from '../conduct.ts';
import type { Fault } from '../settings.ts';
import { streamSpeech } from '../speech-stream.ts';
import type { Visit } from '../stats.ts';
import { splitSentences } from '../voice/split-sentences.ts';
import type { Voice } from '../voice/voice.ts';
import { toBytes } from './listen.ts';
import { MODEL_UUID } from './results.ts';
import { type SpeakOptions, voiceLanguage } from './speak-query.ts';

/** Deepgram takes 20 Flush messages per minute. */
const FLUSHES_PER_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Deepgram takes at most this many characters per message. */
const LONGEST_TEXT = 2000;
/** Pause between two sentences of one reply, seconds. */
const SENTENCE_GAP = 0.28;

const ClientMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('Speak'), text: z.string() }),
  z.object({ type: z.literal('Flush') }),
  z.object({ type: z.literal('Clear') }),
  z.object({ type: z.literal('Close') }),
]);

type Task =
  | { readonly kind: 'say'; readonly text: string; readonly at: number; readonly first: boolean }
  | { readonly kind: 'flushed' }
  | { readonly kind: 'close' };

export interface SpeakDeps {
  readonly voice: Voice;
  readonly conduct: Conduct;
  readonly visit: Visit;
  readonly requestId: string;
  readonly fault: Fault;
  readonly log: Logger;
}

/** One `wss /v1/speak` connection. */
export function serveSpeak(socket: WebSocket, options: SpeakOptions, deps: SpeakDeps): void {
  const { voice, conduct, visit, requestId, fault, log } = deps;
  let text = '';
  /** Nothing was said yet since the last flush. */
  let first = true;
  let sequence = 0;
  let flushes: number[] = [];
  let tasks: Task[] = [];
  let working = false;
  let speaking = new AbortController();

  function sendJson(message: object): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  }

  function warn(code: string, description: string): void {
    sendJson({ type: 'Warning', code, description, warn_code: code, warn_msg: description });
  }

  /** Whole sentences are said at once, the rest waits for a flush. */
  function takeText(more: string): void {
    text += more;
    const end = text.search(/[.!?…]\s(?!.*[.!?…]\s)/su);
    if (end < 0) return;
    say(text.slice(0, end + 1));
    text = text.slice(end + 1);
  }

  function say(sentences: string): void {
    if (sentences.trim() === '') return;
    push({ kind: 'say', text: sentences, at: performance.now(), first });
    first = false;
  }

  function flush(): void {
    const now = performance.now();
    flushes = flushes.filter((at) => now - at < MINUTE_MS);
    if (flushes.length >= FLUSHES_PER_MINUTE) {
      warn('EXCEEDED_FLUSH_LIMIT', 'At most 20 Flush messages are processed every 60 seconds.');
      return;
    }
    flushes.push(now);
    say(text);
    text = '';
    first = true;
    push({ kind: 'flushed' });
  }

  function clear(): void {
    if (working) visit.cancelled();
    text = '';
    first = true;
    tasks = [];
    speaking.abort();
    speaking = new AbortController();
    sendJson({ type: 'Cleared', sequence_id: sequence++ });
  }

  function push(task: Task): void {
    tasks.push(task);
    if (!working) void work();
  }

  async function work(): Promise<void> {
    working = true;
    try {
      for (let task = tasks.shift(); task; task = tasks.shift()) await perform(task);
    } catch (error) {
      log.error({ requestId, err: error }, 'speech failed');
      socket.close(1011, 'NET-0000');
    } finally {
      working = false;
    }
  }

  async function perform(task: Task): Promise<void> {
    switch (task.kind) {
      case 'say':
        return speak(task.text, task.at, task.first);
      case 'flushed':
        sendJson({ type: 'Flushed', sequence_id: sequence++ });
        return;
      case 'close':
        visit.completed();
        socket.close(1000);
        return;
      default:
        task satisfies never;
    }
  }

  async function speak(text: string, at: number, isFirst: boolean): Promise<void> {
    if (fault === 'empty' || (fault === 'first' && !isFirst)) return;
    const sentences = fault === 'first' ? (splitSentences(text)[0] ?? '') : text;
    const { signal } = speaking;
    const { encoding, sampleRate, model } = options;
    const { delayMs, speed } = conduct.settings.tts;
    const pcm = await voice.speak(sentences, {
      speaker: 'agent',
      language: voiceLanguage(model),
      sampleRate,
    });
    const wait = at + delayMs - performance.now();
    if (wait > 0) await delay(wait, undefined, { signal }).catch(() => undefined);
    const gap = isFirst ? 0 : Math.round(SENTENCE_GAP * sampleRate);
    const audio = new Int16Array(gap + pcm.length);
    if (fault !== 'silent') audio.set(pcm, gap);
    const sent = fault === 'stall' ? audio.subarray(0, audio.length / 2) : audio;
    for await (const chunk of streamSpeech(sent, { encoding, sampleRate, speed, signal })) {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(chunk);
    }
    if (fault === 'stall' && !signal.aborted) await once(signal, 'abort');
  }

  socket.on('message', (data) => {
    const message = parse(toBytes(data).toString('utf8'));
    if (!message) {
      warn('SCHEMA_ERROR', 'Failed to parse JSON: expected Speak, Flush, Clear or Close.');
      return;
    }
    switch (message.type) {
      case 'Speak':
        if (message.text.length > LONGEST_TEXT) {
          warn('TEXT_LENGTH_EXCEEDED', `At most ${LONGEST_TEXT} characters per Speak message.`);
        } else takeText(message.text);
        return;
      case 'Flush':
        flush();
        return;
      case 'Clear':
        clear();
        return;
      case 'Close':
        say(text);
        text = '';
        push({ kind: 'close' });
        return;
      default:
        message satisfies never;
    }
  });
  socket.on('error', (error) => log.debug({ requestId, err: error }, 'speech connection failed'));
  socket.on('close', () => {
    speaking.abort();
    if (!working && tasks.length === 0) visit.completed();
    tasks = [];
    visit.closed();
  });
  sendJson({
    type: 'Metadata',
    request_id: requestId,
    model_name: options.model,
    model_version: 'rehearsal',
    model_uuid: MODEL_UUID,
  });
}

function parse(text: string): z.infer<typeof ClientMessage> | undefined {
  try {
    return ClientMessage.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
