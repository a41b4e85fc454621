/**
 * Deepgram's live recogniser, tuned for a telephone call. The plugin's own STT sends 100 ms chunks
 * (a private constant), waits 5 to 10 s before it reconnects and withholds quiet audio, which a
 * caller hears as slowness or as not being heard. This one sends every frame as it comes and is
 * back within a fraction of a second; what was said meanwhile, and what Deepgram had not yet
 * understood, is sent after.
 *
 * Protocol: https://developers.deepgram.com/reference/speech-to-text/listen-streaming
 */
import { APIConnectionError, APIError, normalizeLanguage, stt } from '@livekit/agents';
import type { APIConnectOptions } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { STT_SAMPLE_RATE } from '../audio/sample-rates.ts';
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

/** Deepgram closes a socket that is silent for 10 s. */
const KEEP_ALIVE_MS = 5_000;
/** Usage is reported once per this much audio, seconds. */
const USAGE_SECONDS = 5;
/** Deepgram confirms silence, too, every few seconds of audio; one that does not is deaf. */
const DEAF_SECONDS = 8;
/** When nothing has been heard of Deepgram for this long after a failure, it is given up, ms. */
const GIVE_UP_MS = 8_000;
/** Deepgram ends an utterance by its words alone after this, ms; it takes no less than 1,000. */
const UTTERANCE_END_MS = 1_000;
/**
 * Where Deepgram ends no utterance (noise keeps its endpointing from it), the speech has ended when
 * the last word is this long ago and no other has come for `NO_WORD_SECONDS`, which is longer than
 * Deepgram lets its interim results wait, seconds of audio.
 */
const LONGEST_GAP_SECONDS = 2;
const NO_WORD_SECONDS = 1.2;
/** Speech that was noticed and holds no word after this is a noise, seconds of audio. */
const WORDLESS_SECONDS = 3;
/** Audio kept until Deepgram has understood it: more than it ever takes, seconds. */
const MAX_KEPT_SECONDS = 20;

const Word = z.object({
  start: z.number(),
  end: z.number(),
});
const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('SpeechStarted') }),
  z.object({ type: z.literal('UtteranceEnd'), last_word_end: z.number().optional() }),
  z.object({ type: z.literal('Metadata') }),
  z.object({ type: z.literal('Error'), description: z.string().default('unknown error') }),
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
  readonly #sockets = new Set<() => void>();

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

  /** Connects anew: this connection answers and understands nothing. What was said is sent again. */
  renew(): void {
    for (const lose of this.#sockets) lose();
  }

  /** @returns ends it */
  onRenew(lose: () => void): () => void {
    this.#sockets.add(lose);
    return () => this.#sockets.delete(lose);
  }

  protected override async _recognize(): Promise<stt.SpeechEvent> {
    throw new Error('DeepgramStt recognises streams only');
  }
}

class DeepgramStream extends stt.SpeechStream {
  override label = 'trunkline.DeepgramStream';
  readonly #stt: DeepgramStt;
  readonly #options: DeepgramSttOptions;
  #speaking = false;
  #requestId = '';
  #unreportedSeconds = 0;
  /** Of audio sent on this socket: Deepgram's clock. */
  #sentSeconds = 0;
  /** The same when Deepgram was last heard of, and performance.now() then. */
  #heardOf = { sentSeconds: 0, at: 0 };
  /** Sent, and no final result covers it yet: sent again on the next socket. */
  #kept: { readonly frame: AudioFrame; readonly end: number }[] = [];
  /** performance.now() of the first failure since Deepgram was last heard of. */
  #failingSince: number | undefined;
  /** Deepgram's time of the last word's end, seconds. */
  #lastWordEnd: number | undefined;
  /** `#sentSeconds` when the speech was noticed, or its latest words came. */
  #wordsAt = 0;
  /** The latest words are not final yet, and that was asked for. */
  #words: 'final' | 'interim' | 'asked for' = 'final';
  #isOverdueTold = false;

  constructor(
    parent: DeepgramStt,
    options: DeepgramSttOptions,
    connOptions: APIConnectOptions | undefined,
  ) {
    super(parent, STT_SAMPLE_RATE, connOptions);
    this.#stt = parent;
    this.#options = options;
  }

  /** The base class calls again after a retryable error. */
  protected override async run(): Promise<void> {
    try {
      await this.#connect();
    } catch (error) {
      this.#failingSince ??= performance.now();
      if (performance.now() - this.#failingSince < GIVE_UP_MS) throw error;
      throw new APIError((error as Error).message, { retryable: false });
    }
  }

  /** One socket from open to close. */
  async #connect(): Promise<void> {
    const socket = await openDeepgramSocket(listenUrl(this.#options), this.#options.apiKey);
    if (this.abortSignal.aborted) return socket.terminate();
    this.#sentSeconds = 0;
    this.#heardOf = { sentSeconds: 0, at: performance.now() };
    this.#lastWordEnd = undefined;
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined); // raced below; an unraced late loss is no news
    const lose = (message: string) => lost.reject(new APIConnectionError({ message }));
    const forget = this.#stt.onRenew(() => lose('connected anew'));
    const keepAlive = setInterval(() => socket.send('{"type":"KeepAlive"}'), KEEP_ALIVE_MS);
    socket.on('message', (data: Buffer) => this.#onMessage(data.toString(), lose));
    socket.once('close', (code) => lose(`Deepgram closed the stream (${code})`));
    try {
      await Promise.race([this.#send(socket, () => lose('Deepgram is deaf')), lost.promise]);
    } finally {
      forget();
      clearInterval(keepAlive);
      this.#endSpeech();
      socket.terminate();
    }
  }

  /** Ends when the input does: the base class closes it on close(). */
  async #send(socket: WebSocket, onDeaf: () => void): Promise<void> {
    for (const { frame } of this.#kept.splice(0)) this.#sendFrame(socket, frame);
    for await (const frame of this.input) {
      if (socket.readyState !== WebSocket.OPEN) {
        // After a loss the next run() has its own loop; this one was waiting for a frame yet.
        if (typeof frame !== 'symbol') this.#kept.push({ frame, end: this.#sentSeconds });
        return;
      }
      if (typeof frame === 'symbol') socket.send('{"type":"Finalize"}');
      else {
        this.#sendFrame(socket, frame);
        if (this.#isDeaf()) onDeaf();
        this.#endOverdueSpeech(socket);
      }
    }
    if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"CloseStream"}');
  }

  #sendFrame(socket: WebSocket, frame: AudioFrame): void {
    const { data } = frame;
    socket.send(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const seconds = secondsOf(frame);
    this.#meter(seconds);
    this.#sentSeconds += seconds;
    this.#kept.push({ frame, end: this.#sentSeconds });
    this.#forget(this.#sentSeconds - MAX_KEPT_SECONDS);
  }

  /** By audio and by time: what was said during an outage is sent all at once. */
  #isDeaf(): boolean {
    const { sentSeconds, at } = this.#heardOf;
    return (
      this.#sentSeconds - sentSeconds > DEAF_SECONDS && performance.now() - at > DEAF_SECONDS * 1000
    );
  }

  /** A caller is answered although Deepgram says of no speech that it has ended. */
  #endOverdueSpeech(socket: WebSocket): void {
    if (!this.#speaking) return;
    const quiet = this.#sentSeconds - this.#wordsAt;
    if (this.#lastWordEnd === undefined) {
      if (quiet > WORDLESS_SECONDS) this.#endOverdue();
      return;
    }
    const gap = this.#sentSeconds - this.#lastWordEnd;
    if (gap < LONGEST_GAP_SECONDS || quiet < NO_WORD_SECONDS) return;
    if (this.#words === 'interim') {
      // What it has understood so far, as a final result; once, and not waited for any longer.
      socket.send('{"type":"Finalize"}');
      this.#words = 'asked for';
      this.#wordsAt = this.#sentSeconds;
    } else this.#endOverdue();
  }

  /** That it was overdue is a line on the call's timeline, once. */
  #endOverdue(): void {
    this.#endSpeech();
    if (this.#isOverdueTold || this.#stt.listenerCount('error') === 0) return;
    this.#isOverdueTold = true;
    const error = new Error('Deepgram does not end what was said');
    const { label } = this.#stt;
    const failed = { type: 'stt_error', timestamp: Date.now(), label, error } as const;
    this.#stt.emit('error', { ...failed, recoverable: true });
  }

  /** Audio up to `until`, seconds of Deepgram's clock, will not be needed again. */
  #forget(until: number): void {
    while ((this.#kept[0]?.end ?? Infinity) <= until) this.#kept.shift();
  }

  #onMessage(text: string, lose: (message: string) => void): void {
    const parsed = Message.safeParse(parseJson(text));
    if (!parsed.success) return; // message types that Deepgram adds later
    if (parsed.data.type === 'Error') {
      return lose(`Deepgram cannot listen: ${parsed.data.description}`);
    }
    this.#heardOf = { sentSeconds: this.#sentSeconds, at: performance.now() };
    this.#failingSince = undefined;
    const message = parsed.data;
    switch (message.type) {
      case 'SpeechStarted':
        this.#startSpeech();
        break;
      case 'UtteranceEnd':
        // It may be late, and about words before those that are being said.
        if ((message.last_word_end ?? 0) >= (this.#lastWordEnd ?? Infinity)) this.#endSpeech();
        break;
      case 'Metadata':
        break;
      case 'Results': {
        this.#requestId = message.metadata?.request_id ?? this.#requestId;
        const alternative = message.channel.alternatives[0];
        const wasAskedFor = message.is_final && this.#words === 'asked for';
        if (alternative?.transcript) {
          this.#startSpeech();
          this.#lastWordEnd = alternative.words.at(-1)?.end ?? message.start + message.duration;
          this.#wordsAt = this.#sentSeconds;
          this.#words = message.is_final ? 'final' : 'interim';
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
        if (message.is_final) this.#forget(message.start + message.duration);
        if (message.speech_final || wasAskedFor) this.#endSpeech();
        break;
      }
      default:
        message satisfies never;
    }
  }

  #startSpeech(): void {
    if (this.#speaking) return;
    this.#speaking = true;
    this.#lastWordEnd = undefined;
    this.#wordsAt = this.#sentSeconds;
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

function secondsOf(frame: AudioFrame): number {
  return frame.samplesPerChannel / STT_SAMPLE_RATE;
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
    utterance_end_ms: UTTERANCE_END_MS,
    vad_events: true,
    smart_format: true,
    no_delay: true,
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  for (const term of options.keyterms) url.searchParams.append('keyterm', term);
  return url;
}
