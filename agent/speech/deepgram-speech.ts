import {
  APIConnectionError,
  APIError,
  AudioByteStream,
  shortuuid,
  tts,
  voice,
} from '@livekit/agents';
import type { APIConnectOptions } from '@livekit/agents';
import type { AudioFrame } from '@livekit/rtc-node';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { isAudible } from '../audio/audible.ts';
import { parseJson } from './deepgram-socket.ts';
import { isPronounceable, nextPiece } from './speech-pieces.ts';
import { isAllSpoken } from '../audio/words-heard.ts';

const CHUNK_MS = 50;

const Control = z.object({
  type: z.string(),
  code: z.string().optional(),
  description: z.string().optional(),
});
/** Warnings after which Deepgram does not speak what it was sent; others are none of our business. */
const LOST_TEXT = /flush|text|character|length|limit|exceed/i;

/** A voice and the sockets that it speaks by. */
export interface SpeechSockets extends tts.TTS {
  takeSocket(): Promise<WebSocket>;
  /** It has delivered all that it was asked for. */
  returnSocket(socket: WebSocket): void;
  /** It still delivers what nobody wants. */
  replaceSocket(socket: WebSocket): void;
}

/** A piece of the reply that was sent to Deepgram and is not answered yet. */
interface Piece {
  readonly text: string;
  /** Its place in the reply's text. */
  readonly end: number;
  /** Of audio so far. */
  seconds: number;
  /** Nothing of it can be heard yet: kept back, since silence is no answer. */
  readonly silence: AudioFrame[];
  isAudible: boolean;
}

/**
 * One reply. Only what has a sound counts as spoken: a piece that Deepgram answers with silence, or
 * not at all, is tried again on another socket, from where the reply was heard to.
 */
export class DeepgramSpeech extends tts.SynthesizeStream {
  override label = 'trunkline.DeepgramSpeech';
  readonly #tts: SpeechSockets;
  /** All text so far. */
  #text = '';
  /** All pieces until here were spoken: an attempt begins there. */
  #spoken = 0;
  /** Of audio so far. */
  #seconds = 0;
  #failures = 0;

  constructor(parent: SpeechSockets, connOptions: APIConnectOptions | undefined) {
    super(parent, connOptions);
    this.#tts = parent;
  }

  /** The base class calls again after a retryable error. */
  protected override async run(): Promise<void> {
    try {
      await this.#attempt();
    } catch (error) {
      if (error instanceof APIError && error.retryable) this.#onRetry(error);
      throw error;
    }
  }

  /** That it is tried again is a line on the call's timeline; the last failure the base tells. */
  #onRetry(error: APIError): void {
    if (++this.#failures > this.connOptions.maxRetry) return;
    if (this.#tts.listenerCount('error') === 0) return; // an error that nobody hears is thrown
    const { label } = this.#tts;
    const failed = { type: 'tts_error', timestamp: Date.now(), label, error } as const;
    this.#tts.emit('error', { ...failed, recoverable: true });
  }

  async #attempt(): Promise<void> {
    const text = this.input[Symbol.asyncIterator]();
    // No socket for a reply without words.
    while (!isPronounceable(this.#text) && (await this.#read(text)));
    if (!isPronounceable(this.#text) || this.abortSignal.aborted) return;
    const socket = await this.#tts.takeSocket();
    const replies = this.#listen(socket);
    replies.done.catch(() => undefined); // awaited below, when all text is sent
    try {
      await this.#send(text, replies.speak);
      replies.allSent();
      await replies.done;
    } catch (error) {
      if (!replies.isHalfSaid()) throw error;
      const message = `${(error as Error).message}, in mid-speech`;
      throw new APIError(message, { retryable: false }); // it would be said twice
    } finally {
      replies.stop();
      if (replies.isComplete()) this.#tts.returnSocket(socket);
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

  /** Piece by piece, as the text comes. */
  async #send(
    text: AsyncIterator<string | symbol>,
    speak: (piece: string, end: number) => void,
  ): Promise<void> {
    let sent = this.#spoken;
    for (let isWhole = false; ; isWhole = !(await this.#read(text))) {
      if (this.abortSignal.aborted) return;
      for (;;) {
        const length = nextPiece(this.#text.slice(sent), { isFirst: sent === 0, isWhole });
        if (length === 0) break;
        speak(this.#text.slice(sent, sent + length), sent + length);
        sent += length;
      }
      if (isWhole) return;
    }
  }

  /** Queues the socket's audio; `done` when everything sent was spoken. */
  #listen(socket: WebSocket) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const requestId = shortuuid();
    const { sampleRate } = this.#tts;
    const chunks = new AudioByteStream(sampleRate, 1, (sampleRate * CHUNK_MS) / 1000);
    const pieces: Piece[] = [];
    let warning = '';
    let allSent = false;
    let timer: NodeJS.Timeout | undefined;
    const fail = (what: string) => {
      const message = warning ? `${what}, and warns: ${warning}` : what;
      reject(new APIConnectionError({ message }));
    };
    const progress = () => {
      clearTimeout(timer);
      if (pieces.length > 0) {
        timer = setTimeout(() => fail('Deepgram sends no speech'), this.connOptions.timeoutMs);
      } else if (allSent) resolve();
    };
    const put = (frame: AudioFrame, text?: string) => {
      if (this.queue.closed) return;
      const timedTranscripts =
        text === undefined ? [] : [voice.createTimedString({ text, startTime: this.#seconds })];
      this.#seconds += frame.samplesPerChannel / frame.sampleRate;
      this.queue.put({ requestId, segmentId: requestId, frame, final: false, timedTranscripts });
    };
    const take = (frames: AudioFrame[]) => {
      const [piece] = pieces;
      if (!piece) return;
      for (const frame of frames) {
        piece.seconds += frame.samplesPerChannel / frame.sampleRate;
        if (piece.isAudible) put(frame);
        else {
          piece.silence.push(frame);
          piece.isAudible = isAudible(frame);
          if (!piece.isAudible) continue;
          for (const [index, kept] of piece.silence.splice(0).entries()) {
            put(kept, index === 0 ? piece.text : undefined);
          }
        }
      }
    };
    const onFlushed = () => {
      take(chunks.flush());
      const piece = pieces[0];
      if (!piece) return;
      if (!piece.isAudible) return fail('Deepgram answers without speech');
      if (!isAllSpoken(piece.text, piece.seconds)) {
        return fail('Deepgram has spoken only a part');
      }
      pieces.shift();
      this.#spoken = piece.end;
    };
    const onControl = ({ type, code = '', description = '' }: z.infer<typeof Control>) => {
      if (type === 'Flushed') onFlushed();
      else if (type === 'Warning') {
        warning = [code, description].filter(Boolean).join(': ');
        if (LOST_TEXT.test(warning)) fail('Deepgram does not speak');
      } else if (type === 'Error') {
        reject(new APIError(`Deepgram cannot speak: ${description || 'unknown error'}`));
      }
    };
    const onMessage = (data: Buffer, isBinary: boolean) => {
      if (isBinary) take(chunks.write(new Uint8Array(data).buffer));
      else {
        const message = Control.safeParse(parseJson(data.toString())).data;
        if (message) onControl(message);
      }
      progress();
    };
    const onClose = (code: number) => fail(`Deepgram closed the voice (${code})`);
    const onAbort = () => resolve();
    socket.on('message', onMessage);
    socket.once('close', onClose);
    this.abortSignal.addEventListener('abort', onAbort, { once: true });
    return {
      done: promise,
      isComplete: () => allSent && pieces.length === 0,
      isHalfSaid: () => pieces[0]?.isAudible === true,
      allSent: () => {
        allSent = true;
        progress();
      },
      speak: (text: string, end: number) => {
        if (!isPronounceable(text)) return;
        this.markStarted();
        pieces.push({ text, end, seconds: 0, silence: [], isAudible: false });
        socket.send(JSON.stringify({ type: 'Speak', text }));
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
