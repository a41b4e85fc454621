/**
 * Deepgram's Aura over one WebSocket that stays open between replies. The plugin's TTS opens a new
 * one per reply (a TLS handshake that the caller waits for), and holds the first sentence back
 * until the second begins.
 *
 * Protocol: https://developers.deepgram.com/reference/text-to-speech/speak-streaming
 */
import type { APIConnectOptions, tts } from '@livekit/agents';
import { TTS as DeepgramPluginTts } from '@livekit/agents-plugin-deepgram';
import type { WebSocket } from 'ws';
import { openDeepgramSocket } from './deepgram-socket.ts';
import { DeepgramSpeech } from './deepgram-speech.ts';
import type { SpeechSockets } from './deepgram-speech.ts';

export interface DeepgramTtsOptions {
  readonly apiKey: string;
  /** http(s):// base. */
  readonly baseUrl: string;
  /** Deepgram's model is language and voice at once, e.g. `aura-2-thalia-en`. */
  readonly model: string;
  /** Hz. */
  readonly sampleRate: number;
}

/** The plugin's TTS with another way to stream. */
export class DeepgramTts extends DeepgramPluginTts implements SpeechSockets {
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
