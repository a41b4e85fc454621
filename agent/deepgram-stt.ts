/**
 * Deepgram's live recogniser, tuned for a telephone call. The plugin's own STT sends 100 ms
 * chunks, waits 5 to 10 s before it reconnects and withholds quiet audio (docs/facts: its chunk is
 * a private constant), which a caller hears as slowness or as not being heard. This one sends
 * every frame as it comes and is back within a fraction of a second; what was said meanwhile is
 * kept and sent after.
 *
 * Protocol: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
 */
import { APIConnectionError, normalizeLanguage, stt } from '@livekit/agents';
import type { APIConnectOptions } from '@livekit/agents';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { openDeepgramSocket, parseJson } from './deepgram-socket.ts';

export interface DeepgramSttOptions {
  readonly apiKey: string;
  /** http(s):// base. */
  readonly baseUrl: string;
  readonly model: string;
  /** BCP 47. */
  readonly language: string;
  readonly endpointingMs: number;
  readonly keyterms: readonly string[];
}

/** Hz; what the bundled VAD needs too, so that one stream serves both without resampling. */
export const STT_SAMPLE_RATE = 16_000;
/** Deepgram closes a socket that is silent for 10 s. */
const KEEP_ALIVE_MS = 5_000;
/** Usage is reported once per this much audio, seconds. */
const USAGE_SECONDS = 5;

const Word = z.object({
  start: z.number(),
  end: z.number(),
});
const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('SpeechStarted') }),
  z.object({ type: z.literal('UtteranceEnd') }),
  z.object({ type: z.literal('Metadata') }),
  z.object({
    type: z.literal('Results'),
    is_final: z.boolean(),
    speech_final: z.boolean().default(false),
    start: z.number(),
    duration: z.number(),
    metadata: z.object({ request_id: z.string() }).optional(),
    channel: z.object({
      alternatives: z.array(
        z.object({
          transcript: z.string(),
          confidence: z.number().default(0),
          words: z.array(Word).default([]),
        }),
      ),
    }),
  }),
]);

export class DeepgramStt extends stt.STT {
  override label = 'trunkline.DeepgramStt';
  readonly #options: DeepgramSttOptions;

  constructor(options: DeepgramSttOptions) {
    super({ streaming: true, interimResults: true, alignedTranscript: false });
    this.#options = options;
  }

  override get model(): string {
    return this.#options.model;
  }

  override get provider(): string {
    return 'deepgram';
  }

  override stream(options?: { connOptions?: APIConnectOptions }): stt.SpeechStream {
    return new DeepgramStream(this, this.#options, options?.connOptions);
  }

  protected override async _recognize(): Promise<stt.SpeechEvent> {
    throw new Error('DeepgramStt recognises streams only');
  }
}

class DeepgramStream extends stt.SpeechStream {
  override label = 'trunkline.DeepgramStream';
  readonly #options: DeepgramSttOptions;
  #speaking = false;
  #requestId = '';
  #unreportedSeconds = 0;
  /** Of audio sent on this socket: Deepgram's clock. */
  #sentSeconds = 0;
  /** Deepgram's time of the last word's end, seconds. */
  #lastWordEnd: number | undefined;

  constructor(
    parent: DeepgramStt,
    options: DeepgramSttOptions,
    connOptions: APIConnectOptions | undefined,
  ) {
    super(parent, STT_SAMPLE_RATE, connOptions);
    this.#options = options;
  }

  /** One socket from open to close; the base class calls again after a retryable error. */
  protected override async run(): Promise<void> {
    const socket = await openDeepgramSocket(listenUrl(this.#options), this.#options.apiKey);
    if (this.abortSignal.aborted) return socket.terminate();
    this.#sentSeconds = 0;
    this.#lastWordEnd = undefined;
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined); // raced below; an unraced late loss is no news
    const keepAlive = setInterval(() => socket.send('{"type":"KeepAlive"}'), KEEP_ALIVE_MS);
    socket.on('message', (data: Buffer) => this.#onMessage(data.toString()));
    socket.once('close', (code) =>
      lost.reject(new APIConnectionError({ message: `Deepgram closed the stream (${code})` })),
    );
    try {
      await Promise.race([this.#send(socket), lost.promise]);
    } finally {
      clearInterval(keepAlive);
      this.#endSpeech();
      socket.terminate();
    }
  }

  /** Ends when the input does: the base class closes it on close(). */
  async #send(socket: WebSocket): Promise<void> {
    for await (const frame of this.input) {
      // After a loss the next run() has its own loop; this one goes with the frame it waited for.
      if (socket.readyState !== WebSocket.OPEN) return;
      if (typeof frame === 'symbol') {
        socket.send('{"type":"Finalize"}');
        continue;
      }
      const { data } = frame;
      socket.send(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      const seconds = frame.samplesPerChannel / STT_SAMPLE_RATE;
      this.#sentSeconds += seconds;
      this.#meter(seconds);
    }
    if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"CloseStream"}');
  }

  #onMessage(text: string): void {
    const parsed = Message.safeParse(parseJson(text));
    if (!parsed.success) return; // message types that Deepgram adds later
    const message = parsed.data;
    switch (message.type) {
      case 'SpeechStarted':
        this.#startSpeech();
        break;
      case 'UtteranceEnd':
        this.#endSpeech();
        break;
      case 'Metadata':
        break;
      case 'Results': {
        this.#requestId = message.metadata?.request_id ?? this.#requestId;
        const alternative = message.channel.alternatives[0];
        if (alternative?.transcript) {
          this.#startSpeech();
          this.#lastWordEnd = alternative.words.at(-1)?.end ?? message.start + message.duration;
          this.#put({
            type: message.is_final
              ? stt.SpeechEventType.FINAL_TRANSCRIPT
              : stt.SpeechEventType.INTERIM_TRANSCRIPT,
            requestId: this.#requestId,
            alternatives: [
              {
                language: normalizeLanguage(this.#options.language),
                text: alternative.transcript,
                confidence: alternative.confidence,
                startTime: this.startTimeOffset + (alternative.words[0]?.start ?? message.start),
                endTime: this.startTimeOffset + this.#lastWordEnd,
              },
            ],
          });
        }
        if (message.speech_final) this.#endSpeech();
        break;
      }
      default:
        message satisfies never;
    }
  }

  #startSpeech(): void {
    if (this.#speaking) return;
    this.#speaking = true;
    this.#put({ type: stt.SpeechEventType.START_OF_SPEECH });
  }

  #endSpeech(): void {
    if (!this.#speaking) return;
    this.#speaking = false;
    const ago = this.#lastWordEnd === undefined ? 0 : this.#sentSeconds - this.#lastWordEnd;
    this.#put({
      type: stt.SpeechEventType.END_OF_SPEECH,
      // Without it the session would take the arrival of this event for the end of the speech.
      speechEndTime: Date.now() - Math.max(0, ago) * 1000,
    });
  }

  #meter(seconds: number): void {
    this.#unreportedSeconds += seconds;
    if (this.#unreportedSeconds < USAGE_SECONDS) return;
    this.#put({
      type: stt.SpeechEventType.RECOGNITION_USAGE,
      requestId: this.#requestId,
      recognitionUsage: { audioDuration: this.#unreportedSeconds },
    });
    this.#unreportedSeconds = 0;
  }

  #put(event: stt.SpeechEvent): void {
    if (!this.queue.closed) this.queue.put(event);
  }
}

function listenUrl(options: DeepgramSttOptions): URL {
  const url = new URL(`${options.baseUrl.replace(/^http/, 'ws')}/v1/listen`);
  const query = {
    model: options.model,
    language: options.language,
    encoding: 'linear16',
    sample_rate: STT_SAMPLE_RATE,
    channels: 1,
    interim_results: true,
    endpointing: options.endpointingMs,
    vad_events: true,
    smart_format: true,
    no_delay: true,
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  for (const term of options.keyterms) url.searchParams.append('keyterm', term);
  return url;
}
