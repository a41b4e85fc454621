import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { SignJWT } from 'jose';
import { AccessToken } from 'livekit-server-sdk';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CallEvent } from '../calls/events.ts';
import type { Store } from './store.ts';
import { signReportToken } from '../reporting/report-token.ts';
import { createReporter } from '../reporting/reporter.ts';
import { openSqliteStore } from './store.ts';
import type { Trace } from '../webhooks/in/fixtures/histories.ts';
import { eventsOf, reportsOf, webhooksOf } from '../webhooks/in/fixtures/histories.ts';
import { ensureApiKey } from './api-keys.ts';
import type { AppDeps } from './app.ts';
import { createApp } from './app.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const LIVEKIT = { url: 'ws://127.0.0.1:7880', apiKey: 'key', apiSecret: 'secret-'.repeat(6) };
const CONFIG: AppDeps['config'] = {
  livekit: LIVEKIT,
  livekitPublicUrl: LIVEKIT.url,
  providers: {
    deepgram: { apiKey: 'rehearsal', baseUrl: 'http://127.0.0.1:9', rehearsed: true },
    openai: { apiKey: 'rehearsal', baseUrl: 'http://127.0.0.1:9', rehearsed: true },
    rehearsal: { host: '127.0.0.1', port: 9 },
  },
  lines: [],
  agentName: 'trunkline',
  dataDir: '/nonexistent',
  outbound: { trunkId: undefined, dialAllow: [] },
  endpointAllow: [],
  numbering: { country: 'RU', calledNumberAttribute: 'sip.h.called_did', trunkNumbers: [] },
};
const KEY = 'an-api-key-for-tests';
const log = pino({ level: 'silent' });

let dir: string;
let ledger: Store;
let app: FastifyInstance;
let url: string;

beforeEach(async () => {
  // The day on which the traces were told: what is told much later is not believed.
  const now = webhooksOf('inbound-novofon-caller-bye').at(-1)?.receivedAt ?? new Date();
  vi.useFakeTimers({ toFake: ['Date'], now, shouldAdvanceTime: true });
  dir = await mkdtemp(join(tmpdir(), 'api-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  app = await createApp({ config: CONFIG, apiKeys: ['another-key', KEY], ledger, log });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterEach(async () => {
  await app.close();
  await ledger.close();
  await rm(dir, { recursive: true });
  vi.useRealTimers();
});

interface Signing {
  readonly apiKey?: string;
  readonly secret?: string;
  readonly alg?: string;
  readonly expiresIn?: string | undefined;
  readonly notBefore?: string;
  readonly body?: string;
}

async function sign(body: string, signing: Signing = {}): Promise<string> {
  const sha256 = createHash('sha256')
    .update(signing.body ?? body)
    .digest('base64');
  const token = new SignJWT({ sha256 })
    .setProtectedHeader({ alg: signing.alg ?? 'HS256' })
    .setIssuer(signing.apiKey ?? LIVEKIT.apiKey);
  const expiresIn = 'expiresIn' in signing ? signing.expiresIn : '5m';
  if (expiresIn !== undefined) token.setExpirationTime(expiresIn);
  if (signing.notBefore !== undefined) token.setNotBefore(signing.notBefore);
  return token.sign(new TextEncoder().encode(signing.secret ?? LIVEKIT.apiSecret));
}

async function postWebhook(body: string, authorization?: string, contentType?: string) {
  const response = await fetch(`${url}/webhooks/livekit`, {
    method: 'POST',
    headers: {
      'content-type': contentType ?? 'application/webhook+json',
      authorization: authorization ?? (await sign(body)),
    },
    body,
  });
  return response.status;
}

async function get(path: string, key = KEY) {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: (await response.json()) as never,
  };
}

async function replay(trace: Trace): Promise<void> {
  for (const { body } of webhooksOf(trace)) expect(await postWebhook(body)).toBe(200);
}

const count = async (query: string) =>
  ((await get(`/v1/calls?${query}`)).body as { data: unknown[] }).data.length;

const post = async (token: string, body: unknown) => {
  const response = await fetch(`${url}/internal/v1/reports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};

const BODY = '{"event":"room_started","id":"EV_1","createdAt":"1795223165"}';

test.each([
  ['is none', 'HELLO\r\n\r\n', 400],
  ['has too many headers', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('a request that %s is answered with problem details, too', async (_what, request, status) => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.end(request));
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toContain('application/problem+json');
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
});

describe('webhooks', () => {
  test.each([
    ['wrong secret', { secret: 'guess-'.repeat(8) }],
    ["somebody else's key", { apiKey: 'other' }],
    ['another algorithm of the same secret', { alg: 'HS512' }],
    ['expired', { expiresIn: '-1m' }],
    ['never expires', { expiresIn: undefined }],
    ['not yet valid', { notBefore: '5m' }],
    ['signed for another body', { body: '{}' }],
  ])('401: %s', async (_name, signing) => {
    expect(await postWebhook(BODY, await sign(BODY, signing))).toBe(401);
    expect(await postWebhook(BODY)).toBe(200);
  });

  test('401: no signature, and a token of a participant', async () => {
    expect(await postWebhook(BODY, 'nonsense')).toBe(401);
    const participant = new AccessToken(LIVEKIT.apiKey, LIVEKIT.apiSecret, { identity: 'caller' });
    expect(await postWebhook(BODY, await participant.toJwt())).toBe(401);
  });

  test('200 with a Bearer scheme and with plain JSON, too', async () => {
    expect(await postWebhook(BODY, `Bearer ${await sign(BODY)}`)).toBe(200);
    expect(await postWebhook(BODY, undefined, 'application/json')).toBe(200);
  });

  test('400 on garbage that is well signed', async () => {
    for (const body of ['', 'nonsense', '[]', '{"event":"room_started"}', '{"id":7,"event":"x"}']) {
      expect(await postWebhook(body)).toBe(400);
    }
  });

  test('413 over the limit, 415 for another content type', async () => {
    expect(await postWebhook('x'.repeat(257 * 1024))).toBe(413);
    expect(await postWebhook(BODY, undefined, 'text/plain')).toBe(415);
  });

  test('an event of a kind that did not exist yet is taken', async () => {
    for (const body of [
      '{"event":"avatar_smiled","id":"EV_2","smile":{}}',
      '{"event":"participant_left","id":"EV_3","participant":{"kind":99,"disconnectReason":99}}',
      '{"event":"room_started","id":"EV_4","createdAt":"9999999999999999"}',
    ]) {
      expect(await postWebhook(body)).toBe(200);
    }
  });

  test('503 when the ledger does not take it, and 200 for the same event once it does', async () => {
    const broken = await createApp({
      config: CONFIG,
      apiKeys: [KEY],
      log,
      ledger: { ...ledger, record: () => Promise.reject(new Error('disk is full')) },
    });
    const whole = url;
    url = await broken.listen({ port: 0, host: '127.0.0.1' });
    expect(await postWebhook(BODY)).toBe(503);
    await broken.close();
    url = whole;
    expect(await postWebhook(BODY)).toBe(200);
  });

  test('an empty secret is refused when the app is made', async () => {
    const config = { ...CONFIG, livekit: { ...LIVEKIT, apiSecret: '' } };
    await expect(createApp({ config, apiKeys: [KEY], ledger, log })).rejects.toThrow('empty');
  });
});

describe('calls', () => {
  test('a call, from its webhooks and reports to REST', async () => {
    const trace = 'inbound-novofon-caller-bye';
    await replay(trace);
    await replay(trace);
    const reporter = createReporter({
      url,
      apiKey: LIVEKIT.apiKey,
      apiSecret: LIVEKIT.apiSecret,
      spoolDir: join(dir, 'spool'),
      source: 'worker',
      log,
    });
    const ending = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
    for (const { correlation, at, type, data } of reportsOf(trace, ending)) {
      reporter.report(correlation, { type, data } as never, new Date(at));
    }
    await reporter.close(10_000);

    const { data, nextCursor } = (await get('/v1/calls')).body as {
      data: { id: string }[];
      nextCursor: unknown;
    };
    expect(nextCursor).toBeNull();
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      direction: 'inbound',
      state: 'ended',
      line: 'main',
      from: '+74950000001',
      to: '+74990000002',
      endedBy: 'caller',
      endReason: 'caller_hangup',
      agent: { name: 'trunkline', profile: 'desk' },
      turns: [{ who: 'agent' }, { who: 'caller', text: 'A table for two.', confidence: 0.9 }],
    });
    const id = data[0]?.id ?? '';
    const detail = (await get(`/v1/calls/${id}`)).body as {
      timeline: { type: string; sequence: number; at: string }[];
    };
    expect(detail.timeline).toHaveLength(16);
    expect(detail.timeline.map(({ at }) => at)).toEqual(detail.timeline.map(({ at }) => at).sort());
    expect(detail.timeline.map(({ sequence }) => sequence).sort((a, b) => a - b)).toEqual(
      detail.timeline.map((_, index) => index + 1),
    );
    expect((await get(`/v1/calls/${id}/transcript`)).body).toMatchObject({
      callId: id,
      turns: [{ text: 'Hello.' }, { text: 'A table for two.' }],
    });
    const first = (await get(`/v1/calls/${id}/events?limit=10`)).body as {
      data: unknown[];
      nextCursor: string;
    };
    const rest = (await get(`/v1/calls/${id}/events?cursor=${first.nextCursor}`)).body as {
      data: unknown[];
      nextCursor: unknown;
    };
    expect([first.data.length, rest.data.length, rest.nextCursor]).toEqual([10, 6, null]);
  });

  test('a call that turned out to be another answers under the id that it had, too', async () => {
    const events = eventsOf('inbound-novofon-caller-bye');
    const isOfCaller = ({ type, correlation }: (typeof events)[number]) =>
      type.startsWith('participant.') && correlation.sipCallId !== undefined;
    const [joined, left] = events.filter(isOfCaller) as [CallEvent, CallEvent];
    const { sipCallId } = joined.correlation;
    const { participantSid = '' } = joined.correlation;
    const data = { codec: 'PCMA', ptime: 20, dtmf: 'none' } as const;
    const [one] = await ledger.record([
      {
        ...joined,
        id: 'E1',
        correlation: { sipCallId: sipCallId ?? '' },
        type: 'leg.answered',
        data,
      },
    ]);
    const [other] = await ledger.record([{ ...joined, correlation: { participantSid } }]);
    const ids = [one?.callId, other?.callId];
    await ledger.record([left]);
    for (const path of ['', '/events', '/transcript']) {
      const [first, second] = await Promise.all(ids.map((id) => get(`/v1/calls/${id}${path}`)));
      expect(first?.status).toBe(200);
      expect(first?.body).toEqual(second?.body);
    }
    const { data: all } = (await get('/v1/calls')).body as { data: { id: string }[] };
    expect((await get(`/v1/calls/${one?.callId}`)).body).toMatchObject({ id: all[0]?.id });
  });

  test('what an agent tells after it was given up is in the transcript, and said to be late', async () => {
    const trace = 'inbound-novofon-caller-bye';
    const ending = { endedBy: 'caller', endReason: 'caller_hangup' } as const;
    const reports = reportsOf(trace, ending);
    await ledger.record([...eventsOf(trace), ...reports.slice(0, 3)]);
    const [call] = (await ledger.calls({ limit: 1 })).data;
    await ledger.seal([call?.id ?? ''], new Date().toISOString());
    await ledger.record(reports.slice(3));
    const path = `/v1/calls/${call?.id}`;
    expect((await get(path)).body).toMatchObject({ missing: ['agent'], turns: [{ index: 0 }] });
    expect((await get(`${path}/transcript`)).body).toEqual({
      callId: call?.id,
      turns: [
        expect.not.objectContaining({ late: true }),
        expect.objectContaining({ text: 'A table for two.', late: true }),
      ],
    });
  });

  test('filters and pages', async () => {
    await replay('inbound-novofon-caller-bye');
    await replay('outbound-busy-486');
    await replay('inbound-no-agent-rings-180s');
    expect(await count('')).toBe(3);
    expect(await count('direction=outbound')).toBe(1);
    expect(await count('state=failed')).toBe(2);
    expect(await count('line=main')).toBe(2);
    expect(await count('from=%2B74950000001')).toBe(1);
    expect(await count('to=%2B79035550102&state=ended')).toBe(0);
    expect(await count('since=2026-11-21T01:00:00Z')).toBe(1);
    expect(await count('until=2026-11-21T02:00:00%2B01:00')).toBe(2);

    const seen: string[] = [];
    let cursor = '';
    do {
      const page = (await get(`/v1/calls?limit=1${cursor && `&cursor=${cursor}`}`)).body as {
        data: { id: string }[];
        nextCursor: string | null;
      };
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor ?? '';
    } while (cursor !== '');
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(seen.toSorted().toReversed());
  });
});

describe('reports', () => {
  test("a participant's token is no worker's", async () => {
    const caller = new AccessToken(LIVEKIT.apiKey, LIVEKIT.apiSecret, { identity: 'caller' });
    expect((await post(await caller.toJwt(), { reports: [{}] })).status).toBe(401);
  });

  test('a bad report is told, the good ones beside it are stored', async () => {
    const token = await signReportToken(LIVEKIT, 'worker');
    const good = {
      id: '01HZZZZZZZZZZZZZZZZZZZZZZZ',
      source: 'ingress',
      at: '2026-11-21T04:00:00+03:00',
      call: { sipCallId: 'SCL_1' },
      type: 'leg.ended',
      data: { endedBy: 'system', endReason: 'no_agent', sipCode: 486 },
    };
    const odd = { ...good, id: '01HZZZZZZZZZZZZZZZZZZZZZZ0', type: 'leg.exploded' };
    const long = { ...good, call: { sipCallId: 'SCL_1'.repeat(1_000) } };
    const answer = await post(token, { reports: [odd, long, good, good] });
    const rejected = [{ index: 0 }, { index: 1 }];
    expect(answer).toMatchObject({ status: 202, body: { accepted: 2, rejected } });
    const { data } = (await get('/v1/calls')).body as { data: unknown[] };
    expect(data).toMatchObject([
      { state: 'failed', endReason: 'no_agent', sipCode: 486, endedAt: '2026-11-21T01:00:00.000Z' },
    ]);
    expect((await post(token, { reports: [] })).status).toBe(400);
    // What is not understood is kept, and can be seen.
    const setAside = (await get('/v1/set-aside')).body as { data: unknown[] };
    expect(setAside.data).toMatchObject([
      { id: odd.id, form: 'report', reason: expect.stringContaining('type invalid_union') },
      { id: good.id, form: 'report', reason: expect.stringContaining('call.sipCallId too_big') },
    ]);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('trunkline_events_set_aside 2');
  });
});

describe('problems and keys', () => {
  test('every error is a problem', async () => {
    for (const [path, status] of [
      ['/nothing', 404],
      ['/v1/calls/call_0', 404],
      ['/v1/calls?state=asleep', 400],
      ['/v1/calls?since=yesterday', 400],
      ['/v1/calls/%zz', 400],
      ['/webhooks/livekit', 405],
    ] as const) {
      const answer = await get(path);
      expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { status } });
    }
    expect(await get('/v1/calls', 'not-a-key')).toMatchObject({
      status: 401,
      type: 'application/problem+json',
    });
    expect((await fetch(`${url}/v1/lines`)).status).toBe(401);
    const wrong = await fetch(`${url}/v1/calls/call_0?x`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await wrong.json()).toMatchObject({ type: 'urn:trunkline:problem:method-not-allowed' });
  });

  test('a database that is away is to be tried again', async () => {
    const full = Object.assign(new Error('full'), { errcode: 13 });
    const away = () => Promise.reject(full);
    const broken = await createApp({
      config: CONFIG,
      apiKeys: [KEY],
      log,
      ledger: { ...ledger, calls: away, countOpen: away },
    });
    const headers = { authorization: `Bearer ${KEY}` };
    const answer = await broken.inject({ url: '/v1/calls', headers });
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1']);
    expect(answer.json()).toMatchObject({ type: 'urn:trunkline:problem:unavailable' });
    const metrics = await broken.inject({ url: '/metrics' });
    expect(metrics.statusCode).toBe(200);
    expect(metrics.body).not.toContain('trunkline_calls_open{');
    await broken.close();
  });

  test('a key is made once, and only its owner can read it', async () => {
    const key = ensureApiKey(join(dir, 'data'));
    expect(key.length).toBeGreaterThan(30);
    expect(ensureApiKey(join(dir, 'data'))).toBe(key);
    expect((await stat(join(dir, 'data', 'api-key'))).mode & 0o777).toBe(0o600);
  });

  test('no key at all is refused when the app is made', async () => {
    await expect(createApp({ config: CONFIG, apiKeys: [], ledger, log })).rejects.toThrow(
      'no API key',
    );
  });

  test('what needs no key writes and counts once, however often it is asked for', async () => {
    const asked = { probe: 0, countOpen: 0, warnings: 0 };
    const open = await createApp({
      config: CONFIG,
      apiKeys: [KEY],
      log: pino({ level: 'warn' }, { write: () => (asked.warnings += 1) }),
      ledger: {
        ...ledger,
        async probe() {
          asked.probe += 1;
          await ledger.probe();
        },
        async countOpen() {
          asked.countOpen += 1;
          return ledger.countOpen();
        },
      },
    });
    const forged = { method: 'POST', headers: { 'content-type': 'application/json' } } as const;
    for (let n = 0; n < 100; n += 1) {
      expect((await open.inject('/readyz')).statusCode).toBe(200);
      expect((await open.inject('/metrics')).statusCode).toBe(200);
      const webhook = { ...forged, url: '/webhooks/livekit', body: BODY };
      expect((await open.inject(webhook)).statusCode).toBe(401);
      // Its body is not even read.
      const report = { ...forged, url: '/internal/v1/reports', body: '{' };
      expect((await open.inject(report)).statusCode).toBe(401);
    }
    await open.close();
    // Now and then, whatever the machine's speed; not each time.
    for (const times of Object.values(asked)) expect(times).toBeLessThan(50);
  });

  test('health, metrics and the API description need no key', async () => {
    await postWebhook(BODY);
    expect((await get('/healthz', '')).body).toEqual({ status: 'ok' });
    expect((await get('/readyz', '')).body).toEqual({
      status: 'ready',
      livekit: 'unknown',
      sip: 'unknown',
    });
    expect((await get('/openapi.json', '')).body).toMatchObject({ openapi: '3.1.0' });
    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toContain('event="room_started",outcome="unassigned"} 1');
  });
});
