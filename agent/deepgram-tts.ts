/**
 * Deepgram's Aura over one WebSocket that stays open between replies. The plugin's TTS opens a new
 * one per reply (a TLS handshake that the caller waits for), and holds the first sentence back
 * until the second begins.
 *
 * Protocol: https://developers.deepgram.com/reference/text-to-speech/speak-streaming
 */
import { APIConnectionError, APIError, AudioByteStream, shortuuid, tts } from '@livekit/agents';
import type { APIConnectOptions } from '@livekit/agents';
import { TTS as DeepgramPluginTts } from '@livekit/agents-plugin-deepgram';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { openDeepgramSocket, parseJson } from './deepgram-socket.ts';

export interface DeepgramTtsOptions {
  readonly apiKey: string;
  /** http(s):// base. */
  readonly baseUrl: string;
  /** Deepgram's model is language and voice at once, e.g. `aura-2-thalia-en`. */
  readonly model: string;
  /** Hz. */
  readonly sampleRate: number;
}

const CHUNK_MS = 50;
/** The first sentence; "Yes." is not worth a synthesis of its own and takes the next one along. */
const FIRST_SENTENCE = /^.{8,}?[.!?…]["')\]]?\s/s;

const Control = z.object({ type: z.string(), description: z.string().optional() });

/** The plugin's TTS with another way to stream. */
export class DeepgramTts extends DeepgramPluginTts {
  override label = 'trunkline.DeepgramTts';
  readonly #options: DeepgramTtsOptions;
  #spare: Promise<WebSocket> | undefined;
  #closed = false;

  constructor(options: DeepgramTtsOptions) {
    super(options);
    this.#options = options;
    this.#openSpare();
  }

  override stream(options?: { connOptions?: APIConnectOptions }): tts.SynthesizeStream {
    return new DeepgramSpeech(this, options?.connOptions);
  }

  /** The open socket when there is one, else a new one. */
  async takeSocket(): Promise<WebSocket> {
    const spare = this.#spare;
    this.#spare = undefined;
    const socket = await spare?.catch(() => undefined);
    return socket?.readyState === socket?.OPEN && socket ? socket : this.#open();
  }

  /** A socket that has delivered all it was asked for serves the next reply. */
  returnSocket(socket: WebSocket): void {
    if (this.#closed || this.#spare || socket.readyState !== socket.OPEN) socket.terminate();
    else this.#spare = Promise.resolve(socket);
  }

  /** After an interruption another is opened at once: the caller has something to say. */
  replaceSocket(socket: WebSocket): void {
    socket.terminate();
    if (!this.#closed && !this.#spare) this.#openSpare();
  }

  override async close(): Promise<void> {
    this.#closed = true;
    const socket = await this.#spare?.catch(() => undefined);
    this.#spare = undefined;
    if (socket?.readyState === socket?.OPEN) socket?.send('{"type":"Close"}');
    socket?.close();
  }

  #openSpare(): void {
    const spare = this.#open();
    this.#spare = spare;
    // The next reply tries again.
    spare.catch(() => this.#spare === spare && (this.#spare = undefined));
  }

  #open(): Promise<WebSocket> {
    const { baseUrl, apiKey, model, sampleRate } = this.#options;
    const url = new URL(`${baseUrl.replace(/^http/, 'ws')}/v1/speak`);
    url.searchParams.set('model', model);
    url.searchParams.set('encoding', 'linear16');
    url.searchParams.set('sample_rate', String(sampleRate));
    return openDeepgramSocket(url, apiKey);
  }
}

/** One reply. */
class DeepgramSpeech extends tts.SynthesizeStream {
  override label = 'trunkline.DeepgramSpeech';
  readonly #tts: DeepgramTts;
  /** All text so far: an attempt that failed before any audio came starts again with it. */
  #text = '';
  #heard = false;

  constructor(parent: DeepgramTts, connOptions: APIConnectOptions | undefined) {
    super(parent, connOptions);
    this.#tts = parent;
  }

  protected override async run(): Promise<void> {
    const text = this.input[Symbol.asyncIterator]();
    if (this.#text === '') await this.#read(text); // no socket for a reply without text
    if (this.#text === '' || this.abortSignal.aborted) return;
    const socket = await this.#tts.takeSocket();
    const replies = this.#listen(socket);
    replies.done.catch(() => undefined); // awaited below, when all text is sent
    try {
      await this.#send(socket, text, replies.flush);
      replies.allSent();
      await replies.done;
    } catch (error) {
      if (!this.#heard) throw error; // tried once more
      throw new APIError('Deepgram stopped in mid-speech', { retryable: false });
    } finally {
      replies.stop();
      if (replies.complete()) this.#tts.returnSocket(socket);
      // Audio of this reply is still on its way: not for the next one.
      else if (this.abortSignal.aborted) this.#tts.replaceSocket(socket);
      else socket.terminate();
    }
    if (!this.queue.closed) this.queue.put(tts.SynthesizeStream.END_OF_STREAM);
  }

  /** False at the end of the reply's text. */
  async #read(text: AsyncIterator<string | symbol>): Promise<boolean> {
    const next = await text.next();
    if (typeof next.value === 'string') this.#text += next.value;
    return !next.done;
  }

  /** The first sentence is spoken as soon as it is whole, the rest together. */
  async #send(
    socket: WebSocket,
    text: AsyncIterator<string | symbol>,
    flush: () => void,
  ): Promise<void> {
    let sent = 0;
    const say = (end: number) => {
      const piece = this.#text.slice(sent, end);
      sent = end;
      if (piece.trim() === '') return;
      this.markStarted();
      socket.send(JSON.stringify({ type: 'Speak', text: piece }));
      flush();
    };
    do {
      // Once, not at every sentence: Deepgram allows 20 flushes a minute.
      const sentence = sent === 0 && FIRST_SENTENCE.exec(this.#text);
      if (sentence) say(sentence[0].length);
    } while ((await this.#read(text)) && !this.abortSignal.aborted);
    if (!this.abortSignal.aborted) say(this.#text.length);
  }

  /** Queues the socket's audio; `done` when everything sent was spoken. */
  #listen(socket: WebSocket) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const requestId = shortuuid();
    const { sampleRate } = this.#tts;
    const chunks = new AudioByteStream(sampleRate, 1, (sampleRate * CHUNK_MS) / 1000);
    let unanswered = 0;
    let allSent = false;
    let timer: NodeJS.Timeout | undefined;
    const progress = () => {
      clearTimeout(timer);
      if (unanswered > 0) {
        const error = new APIConnectionError({ message: 'Deepgram sends no speech' });
        timer = setTimeout(() => reject(error), this.connOptions.timeoutMs);
      } else if (allSent) resolve();
    };
    const put = (frames: ReturnType<AudioByteStream['flush']>) => {
      for (const frame of frames) {
        if (this.queue.closed) return;
        this.#heard = true;
        this.queue.put({ requestId, segmentId: requestId, frame, final: false });
      }
    };
    const onMessage = (data: Buffer, isBinary: boolean) => {
      if (isBinary) put(chunks.write(new Uint8Array(data).buffer));
      else {
        const message = Control.safeParse(parseJson(data.toString())).data;
        if (message?.type === 'Flushed') {
          put(chunks.flush());
          unanswered--;
        } else if (message?.type === 'Error') {
          reject(new APIError(`Deepgram cannot speak: ${message.description ?? 'unknown error'}`));
        }
      }
      progress();
    };
    const onClose = (code: number) =>
      reject(new APIConnectionError({ message: `Deepgram closed the voice (${code})` }));
    const onAbort = () => resolve();
    socket.on('message', onMessage);
    socket.once('close', onClose);
    this.abortSignal.addEventListener('abort', onAbort, { once: true });
    return {
      done: promise,
      complete: () => allSent && unanswered === 0,
      allSent: () => {
        allSent = true;
        progress();
      },
      flush: () => {
        unanswered++;
        socket.send('{"type":"Flush"}');
        progress();
      },
      stop: () => {
        clearTimeout(timer);
        socket.off('message', onMessage);
        socket.off('close', onClose);
        this.abortSignal.removeEventListener('abort', onAbort);
      },
    };
  }
}
