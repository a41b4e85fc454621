import { createParser } from 'eventsource-parser';
import type { z } from 'zod';
import type { Activity } from '../api/views.ts';
import type { PublicEventView, StreamQuery } from '../api/events-route.ts';
import { TrunklineError } from './request.ts';
import type { Requester } from './request.ts';

/** The service sends something every 15 s: a connection that is silent for so long is dead, ms. */
const SILENCE_MS = 45_000;
const RETRY_MS = 2_000;

export type StreamedEvent = z.output<typeof PublicEventView> & {
  /** Its place in the log: `after`, to go on behind it. */
  readonly position: string;
};

/** What a call is at in this moment. */
export interface CallActivity {
  readonly callId: string;
  readonly activity: Activity;
}

export interface StreamOptions extends Omit<z.input<typeof StreamQuery>, 'types' | 'activity'> {
  /** `call.ended`, all below a type (`call.*`), or `*`. */
  readonly types?: readonly string[];
  /** Told what calls are at, between the events; never again, and nothing of what was missed. */
  readonly onActivity?: (told: CallActivity) => void;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /** Told when a connection is there: the first one, and each that is made anew. */
  readonly onConnect?: () => void;
  /** Told when the connection broke, or could not be made, and is tried again. */
  readonly onReconnect?: (error: unknown) => void;
}

/**
 * The events of `GET /v1/events`, each once and in order: a connection that breaks is made anew
 * where it was. Throws what will not be better next time: a wrong key, a wrong filter.
 *
 * @example
 * for await (const { type, callId } of client.events({ types: ['call.*'] })) console.log(type);
 */
export async function* streamEvents(
  open: Requester['open'],
  {
    types,
    signal = new AbortController().signal,
    onConnect,
    onReconnect,
    onActivity,
    ...filter
  }: StreamOptions = {},
): AsyncGenerator<StreamedEvent> {
  let lastId: string | undefined;
  let retryMs = RETRY_MS;
  const queue: StreamedEvent[] = [];
  const parser = createParser({
    onId: (id) => (lastId = id),
    onRetry: (ms) => (retryMs = ms),
    onEvent({ id = '', event, data }) {
      if (event === 'activity') onActivity?.(JSON.parse(data) as CallActivity);
      else queue.push({ ...(JSON.parse(data) as Omit<StreamedEvent, 'position'>), position: id });
    },
  });
  const query = {
    ...filter,
    ...(onActivity !== undefined && { activity: 'true' }),
    ...(types !== undefined && { types: types.join(',') }),
  };

  while (!signal.aborted) {
    const silent = new AbortController();
    const ended = AbortSignal.any([signal, silent.signal]);
    let watchdog = setTimeout(() => silent.abort(), SILENCE_MS);
    try {
      const headers: Record<string, string> = {
        accept: 'text/event-stream',
        ...(lastId !== undefined && { 'last-event-id': lastId }),
      };
      const response = await open('/v1/events', query, { headers, signal: ended });
      onConnect?.();
      const text = response.body?.pipeThrough(new TextDecoderStream()) ?? [];
      for await (const chunk of text) {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => silent.abort(), SILENCE_MS);
        parser.feed(chunk);
        while (queue.length > 0) yield queue.shift() as StreamedEvent;
      }
      onReconnect?.(undefined);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TrunklineError && !error.retryable) throw error;
      onReconnect?.(error);
    } finally {
      clearTimeout(watchdog);
    }
    // Half an event is sent again, whole.
    parser.reset();
    await pause(retryMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
