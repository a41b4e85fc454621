import type { Logger } from 'pino';
import type { RawData, WebSocket } from 'ws';
import { Resampler } from '../audio/resampler.ts';
import type { Conduct } from '../conduct.ts';
import type { Recogniser } from '../recogniser/recogniser.ts';
import { RATE } from '../recogniser/spectrum.ts';
import { Transcriber, type TranscriberEvent } from '../recogniser/transcriber.ts';
import type { Fault } from '../settings.ts';
import type { Visit } from '../stats.ts';
import type { ListenOptions } from './listen-query.ts';
import { Arrivals } from './arrivals.ts';
import { modelMetadata, type Results, seconds, toAlternative, type Transcript } from './results.ts';

const IDLE_REASON =
  'NET-0001: Deepgram did not receive audio data or a text message within the timeout window.';
/** Silence is confirmed by an empty final result about this often, ms. */
const EMPTY_RESULT_MS = 5000;

export interface ListenDeps {
  readonly recogniser: Recogniser;
  readonly conduct: Conduct;
  readonly visit: Visit;
  readonly requestId: string;
  readonly fault: Fault;
  readonly log: Logger;
  /** After this long without audio or KeepAlive the stream is closed with 1011 NET-0001, ms. */
  readonly idleLimitMs: number;
}

type Control = 'KeepAlive' | 'Finalize' | 'CloseStream';

/** One `wss /v1/listen` connection. */
export function serveListen(socket: WebSocket, options: ListenOptions, deps: ListenDeps): void {
  const { conduct, visit, requestId, fault, log } = deps;
  const metadata = modelMetadata(options, requestId);
  const resampler =
    options.sampleRate === RATE ? undefined : new Resampler(options.sampleRate, RATE);
  const transcriber = new Transcriber({
    recogniser: deps.recogniser,
    language: options.language,
    endpointingMs: options.endpointingMs,
    interimMs: () => conduct.settings.stt.interimMs,
  });
  const arrivals = new Arrivals();
  /** When the last queued message leaves: later ones never overtake it. */
  let lastDue = 0;
  let audioMs = 0;
  let resultsUntilMs = 0;
  let wordsUntilMs: number | undefined;
  let finished = false;
  const timers = new Set<NodeJS.Timeout>();
  let idle = setTimeout(giveUp, deps.idleLimitMs);

  function giveUp(): void {
    log.debug({ requestId }, 'stream idle, closing');
    socket.close(1011, IDLE_REASON);
  }

  function stayAwake(): void {
    clearTimeout(idle);
    idle = setTimeout(giveUp, deps.idleLimitMs);
  }

  /** Sends at `due` (of performance.now()), after everything that was queued before. */
  function queue(due: number, send: () => void): void {
    lastDue = Math.max(lastDue, due);
    const wait = lastDue - performance.now();
    if (wait < 1 && timers.size === 0) {
      send();
      return;
    }
    const timer = setTimeout(
      () => {
        timers.delete(timer);
        send();
      },
      Math.max(0, wait),
    );
    timers.add(timer);
  }

  function sendJson(message: object): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  }

  function sendResults(
    transcript: Transcript,
    kind: { final: boolean; speechFinal: boolean; flushed: boolean },
    due: number,
  ): void {
    const start = kind.final ? Math.min(resultsUntilMs, transcript.startMs) : resultsUntilMs;
    const message = {
      type: 'Results' as const,
      channel_index: [0, 1] as const,
      duration: seconds(transcript.endMs - start),
      start: seconds(start),
      is_final: kind.final,
      speech_final: kind.speechFinal,
      channel: { alternatives: [toAlternative(transcript)] },
      metadata,
      from_finalize: kind.flushed,
    } satisfies Results;
    if (kind.final) resultsUntilMs = transcript.endMs;
    queue(due, () => sendJson(message));
  }

  function handle(event: TranscriberEvent): void {
    const delay = conduct.settings.stt.delayMs;
    if (event.type === 'started') {
      if (!options.vadEvents) return;
      const message = { type: 'SpeechStarted', channel: [0], timestamp: seconds(event.at) };
      queue(performance.now(), () => sendJson(message));
      return;
    }
    const final = event.cause !== 'interim';
    if ((!final && !options.interimResults) || fault === 'wordless') return;
    if (final && event.text !== '') wordsUntilMs = event.endMs;
    if (final) log.debug({ requestId, confidence: event.confidence }, 'heard');
    sendResults(
      event,
      {
        final,
        speechFinal:
          fault !== 'endless' && (event.cause === 'endpoint' || event.cause === 'flushed'),
        flushed: event.cause === 'flushed',
      },
      arrivals.of(final ? event.endMs : transcriber.position) + delay,
    );
  }

  function confirmSilence(): void {
    const { position } = transcriber;
    if (transcriber.speaking) return;
    if (
      options.utteranceEndMs !== undefined &&
      fault !== 'endless' &&
      wordsUntilMs !== undefined &&
      position - wordsUntilMs >= options.utteranceEndMs
    ) {
      const end = { type: 'UtteranceEnd', channel: [0, 1], last_word_end: seconds(wordsUntilMs) };
      wordsUntilMs = undefined;
      queue(performance.now(), () => sendJson(end));
    }
    if (position - resultsUntilMs >= EMPTY_RESULT_MS) {
      const silence = { text: '', confidence: 0, startMs: resultsUntilMs, endMs: position };
      sendResults(silence, { final: true, speechFinal: false, flushed: false }, performance.now());
    }
  }

  function takeAudio(bytes: Uint8Array): void {
    const pcm = options.decode(bytes);
    audioMs += (pcm.length / options.sampleRate) * 1000;
    arrivals.add(audioMs);
    transcriber.push(resampler ? resampler.write(pcm) : pcm).forEach(handle);
    confirmSilence();
  }

  function finish(): void {
    if (finished) return;
    finished = true;
    transcriber.flush().forEach(handle);
    const summary = {
      type: 'Metadata',
      transaction_key: 'deprecated',
      request_id: requestId,
      sha256: '0'.repeat(64),
      created: new Date().toISOString(),
      duration: seconds(transcriber.position),
      channels: options.channels,
    };
    queue(performance.now(), () => {
      sendJson(summary);
      visit.completed();
      socket.close(1000);
    });
  }

  function takeControl(text: string): void {
    const control = controlType(text);
    switch (control) {
      case 'KeepAlive':
        return;
      case 'Finalize':
        transcriber.flush().forEach(handle);
        return;
      case 'CloseStream':
        finish();
        return;
      case undefined:
        sendJson({
          type: 'Error',
          variant: 'SCHEMA',
          description: 'Could not deserialize last text message.',
          message: 'expected KeepAlive, Finalize or CloseStream',
        });
        return;
      default:
        control satisfies never;
    }
  }

  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (finished) return;
    stayAwake();
    const bytes = toBytes(data);
    if (!isBinary) takeControl(bytes.toString('utf8'));
    // An empty binary message is the old way to close a stream.
    else if (bytes.length === 0) finish();
    else takeAudio(bytes);
  });
  socket.on('error', (error) => log.debug({ requestId, err: error }, 'stream failed'));
  socket.on('close', (code) => {
    clearTimeout(idle);
    for (const timer of timers) clearTimeout(timer);
    if (code === 1000 || code === 1005) visit.completed();
    visit.closed();
  });
}

/** `ws` hands over one buffer, an ArrayBuffer or fragments. */
export function toBytes(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function controlType(text: string): Control | undefined {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return type === 'KeepAlive' || type === 'Finalize' || type === 'CloseStream' ? type : undefined;
  } catch {
    return undefined;
  }
}
