import type { z } from 'zod';
import type { BrowserTokenView, NewBrowserCall } from '../api/browser-calls-routes.ts';
import type { CallsQuery, EventsQuery } from '../api/calls-routes.ts';
import type { DeliveryView } from '../api/deliveries-routes.ts';
import type { ChangeBody, EndpointView, NewEndpointBody } from '../api/endpoints-routes.ts';
import type { KeyView, NewKey, NewKeyView } from '../api/keys-routes.ts';
import type { ActionView, NewCall, TransferBody } from '../api/operator-routes.ts';
import type { NewSession, SessionView, SignInLinkView } from '../api/session-routes.ts';
import type { WorkersView } from '../api/workers.ts';
import type { RefusalView } from '../api/refusals.ts';
import type { RehearsalView, SentencesQuery, SentencesView } from '../api/rehearsal-routes.ts';
import type {
  CallDetailView,
  CallView,
  EventView,
  LineView,
  TranscriptView,
  ListQuery,
} from '../api/views.ts';
import { streamEvents } from './event-stream.ts';
import type { StreamOptions, StreamedEvent } from './event-stream.ts';
import { createRequester } from './request.ts';
import type { ClientOptions, PostOptions } from './request.ts';

export type Call = z.output<typeof CallView>;
export type CallDetail = z.output<typeof CallDetailView>;
export type TimelineEvent = z.output<typeof EventView>;
export type Transcript = z.output<typeof TranscriptView>;
export type Line = z.output<typeof LineView>;
export type Endpoint = z.output<typeof EndpointView>;
export type Delivery = z.output<typeof DeliveryView>;
export type Key = z.output<typeof KeyView>;
export type BrowserToken = z.output<typeof BrowserTokenView>;
export type Refusal = z.output<typeof RefusalView>;
export type Session = z.output<typeof SessionView>;
type Action = z.output<typeof ActionView>;
/** Of a list: all that the route takes, nothing of it needed. */
type Query<T extends z.ZodType> = Partial<z.output<T>>;
type Paging = Query<typeof ListQuery>;

export interface Page<T> {
  readonly data: readonly T[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** The call service's REST API. Everything rejects with `TrunklineError` when it is refused. */
export interface TrunklineClient {
  readonly calls: {
    list(query?: Query<typeof CallsQuery>): Promise<Page<Call>>;
    /** All of them, newest first, page by page. */
    all(query?: Query<typeof CallsQuery>): AsyncGenerator<Call>;
    get(id: string): Promise<CallDetail>;
    events(id: string, query?: Query<typeof EventsQuery>): Promise<Page<TimelineEvent>>;
    transcript(id: string): Promise<Transcript>;
    /** Calls somebody; resolves before they answer. */
    create(call: z.input<typeof NewCall>, options?: PostOptions): Promise<Call>;
    hangup(id: string, options?: PostOptions): Promise<Action>;
    /** A token to listen from a browser, unseen and unheard; the timeline says who. */
    listen(id: string): Promise<BrowserToken>;
    /** Resolves when the far end has taken the call. */
    transfer(
      id: string,
      body: z.input<typeof TransferBody>,
      options?: PostOptions,
    ): Promise<Action>;
  };
  readonly browserCalls: {
    /** A token to call a line's agent with from a browser. */
    create(call: z.input<typeof NewBrowserCall>): Promise<BrowserToken>;
  };
  /** Of a browser, where the API is used by cookie. */
  readonly session: {
    /** A link that signs a browser in as the key that asks, once, within 10 minutes. */
    link(): Promise<{ readonly url: string; readonly expiresAt: string }>;
    begin(by: z.input<typeof NewSession>): Promise<Session>;
    get(): Promise<Session>;
    end(): Promise<void>;
  };
  /** Agent workers that report to this call service, and what they can take. */
  readonly workers: { list(): Promise<z.output<typeof WorkersView>> };
  /** INVITEs that made no call, the latest first, and why. */
  readonly refusals: { list(): Promise<{ readonly data: readonly Refusal[] }> };
  /** While providers are rehearsed: what they understand. */
  readonly rehearsal: {
    get(): Promise<z.output<typeof RehearsalView>>;
    sentences(query?: Query<typeof SentencesQuery>): Promise<z.output<typeof SentencesView>>;
    /** A WAV file. */
    speech(text: string): Promise<ArrayBuffer>;
  };
  readonly lines: { list(): Promise<Page<Line>> };
  /** What happens, as it happens: without end, over broken connections and restarts. */
  events(options?: StreamOptions): AsyncGenerator<StreamedEvent>;
  readonly endpoints: {
    list(query?: Paging): Promise<Page<Endpoint>>;
    /** All of them, newest first, page by page. */
    all(query?: Paging): AsyncGenerator<Endpoint>;
    get(id: string): Promise<Endpoint>;
    create(
      endpoint: z.input<typeof NewEndpointBody>,
      options?: PostOptions,
    ): Promise<Endpoint & { readonly secret: string }>;
    change(id: string, change: z.input<typeof ChangeBody>): Promise<Endpoint>;
    delete(id: string): Promise<void>;
    test(id: string): Promise<{ readonly deliveryId: string }>;
    rotate(id: string): Promise<{ readonly secret: string; readonly oldValidUntil: string }>;
  };
  readonly deliveries: {
    list(
      query?: Paging & { state?: Delivery['state']; endpointId?: string; callId?: string },
    ): Promise<Page<Delivery>>;
    retry(id: string): Promise<{ readonly id: string }>;
  };
  readonly keys: {
    list(query?: Paging): Promise<Page<Key>>;
    create(
      key: z.input<typeof NewKey>,
      options?: PostOptions,
    ): Promise<z.output<typeof NewKeyView>>;
    delete(id: string): Promise<void>;
  };
}

/**
 * Throws when the URL is none.
 *
 * @example
 * const client = createClient({ url: 'http://127.0.0.1:8080', apiKey });
 * for await (const call of client.calls.all({ state: 'ended' })) console.log(call.endReason);
 */
export function createClient(options: ClientOptions): TrunklineClient {
  const { get, bytes, post, patch, remove, open } = createRequester(options);
  const calls: TrunklineClient['calls'] = {
    list: (query) => get('/v1/calls', query),
    all: (query) => pageByPage((page) => calls.list(page), query),
    get: (id) => get(at('calls', id)),
    events: (id, query) => get(at('calls', id, '/events'), query),
    transcript: (id) => get(at('calls', id, '/transcript')),
    create: (call, more) => post('/v1/calls', call, more),
    hangup: (id, more) => post(at('calls', id, '/hangup'), undefined, more),
    listen: (id) => post(at('calls', id, '/listeners')),
    transfer: (id, body, more) => post(at('calls', id, '/transfer'), body, more),
  };

  const listEndpoints: TrunklineClient['endpoints']['list'] = (query) =>
    get('/v1/endpoints', query);

  return {
    calls,
    browserCalls: { create: (call) => post('/v1/browser-calls', call) },
    session: {
      async link() {
        const made = await post<z.output<typeof SignInLinkView>>('/v1/sign-in-links');
        return { url: new URL(made.path, options.url).href, expiresAt: made.expiresAt };
      },
      begin: (by) => post('/v1/session', by),
      get: () => get('/v1/session'),
      end: () => remove('/v1/session'),
    },
    workers: { list: () => get('/v1/workers') },
    refusals: { list: () => get('/v1/refusals') },
    rehearsal: {
      get: () => get('/v1/rehearsal'),
      sentences: (query) => get('/v1/rehearsal/sentences', query),
      speech: (text) => bytes('/v1/rehearsal/speech', { text }),
    },
    lines: { list: () => get('/v1/lines') },
    events: (more) => streamEvents(open, more),
    endpoints: {
      list: listEndpoints,
      all: (query) => pageByPage(listEndpoints, query),
      get: (id) => get(at('endpoints', id)),
      create: (endpoint, more) => post('/v1/endpoints', endpoint, more),
      change: (id, change) => patch(at('endpoints', id), change),
      delete: (id) => remove(at('endpoints', id)),
      test: (id) => post(at('endpoints', id, '/test')),
      rotate: (id) => post(at('endpoints', id, '/rotate')),
    },
    deliveries: {
      list: (query) => get('/v1/deliveries', query),
      retry: (id) => post(at('deliveries', id, '/retry')),
    },
    keys: {
      list: (query) => get('/v1/keys', query),
      create: (key, more) => post('/v1/keys', key, more),
      delete: (id) => remove(at('keys', id)),
    },
  };
}

async function* pageByPage<T, Q extends Paging>(
  list: (query: Q) => Promise<Page<T>>,
  query = {} as Q,
): AsyncGenerator<T> {
  let { cursor } = query;
  do {
    const page = await list({ ...query, ...(cursor !== undefined && { cursor }) });
    yield* page.data;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

function at(collection: string, id: string, rest = ''): string {
  return `/v1/${collection}/${encodeURIComponent(id)}${rest}`;
}
