import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyBaseLogger, FastifyInstance, InjectOptions } from 'fastify';
import { fastify } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Store } from './store.ts';
import { openSqliteStore } from './store.ts';
import { startDeliverer } from '../webhooks/out/start-deliverer.ts';
import { deliveriesRoutes } from './deliveries-routes.ts';
import { endpointsRoutes } from './endpoints-routes.ts';
import { answerWithProblems } from './problems.ts';

const ALLOW = ['127.0.0.0/8'];
const WAIT = { timeout: 10_000, interval: 20 };
let dir: string;
let ledger: Store;
let app: FastifyInstance;
const logged: string[] = [];
const log: FastifyBaseLogger = pino(
  { level: 'trace' },
  { write: (line: string) => void logged.push(line) },
);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'endpoints-'));
  ledger = await openSqliteStore(join(dir, 'trunkline.sqlite'));
  app = fastify({ loggerInstance: log });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  answerWithProblems(app);
  await app.register(endpointsRoutes({ outbox: ledger.outbox, endpointAllow: ALLOW }));
  await app.register(deliveriesRoutes({ outbox: ledger.outbox }));
});
afterEach(async () => {
  await app.close();
  await ledger.close();
  await rm(dir, { recursive: true });
});

async function call(method: InjectOptions['method'], url: string, payload?: object) {
  const response = await app.inject({ method, url, ...(payload && { payload }) } as InjectOptions);
  const body = response.body === '' ? null : (response.json() as Record<string, unknown>);
  return { status: response.statusCode, body };
}
const post = (url: string, payload?: object) => call('POST', url, payload);

test('an endpoint: made, shown without its secret, changed, deleted', async () => {
  const wanted = { url: 'https://example.com/hook', events: ['call.*', 'room.started'] };
  const made = await post('/v1/endpoints', { ...wanted, description: 'CRM' });
  expect(made).toMatchObject({ status: 201, body: { ...wanted, secret: expect.any(String) } });
  expect(made.body?.['secret']).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
  const path = `/v1/endpoints/${String(made.body?.['id'])}`;
  const { secret: _once, ...shown } = made.body ?? {};
  expect(await call('GET', path)).toEqual({ status: 200, body: shown });
  expect((await call('GET', '/v1/endpoints')).body).toEqual({ data: [shown], nextCursor: null });
  expect(await call('PATCH', path, { events: ['*'], disabled: true })).toMatchObject({
    status: 200,
    body: { events: ['*'], disabledReason: 'operator' },
  });
  expect((await post(`${path}/test`)).status).toBe(409);
  expect((await call('PATCH', path, { disabled: false })).body).not.toHaveProperty('disabledAt');
  expect((await call('DELETE', path)).status).toBe(204);
  for (const [method, below] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['POST', '/test'],
    ['POST', '/rotate'],
  ] as const) {
    const payload = method === 'PATCH' ? {} : undefined;
    expect((await call(method, path + below, payload)).status).toBe(404);
  }
  expect(logged.join('')).not.toContain(String(made.body?.['secret']));
});

test.each([
  { url: 'http://example.com', events: [] },
  { url: 'https://example.com', events: ['calls.*'] },
  { url: 'https://example.com', events: ['call'] },
  { url: 'https://example.com', events: ['call.*'], secret: 'mine' },
  { url: 'https://10.0.0.1/', events: ['*'] },
  { url: 'https://0x0a000001/', events: ['*'] },
  { url: 'gopher://example.com/', events: ['*'] },
  { events: ['*'] },
])('400: %o', async (body) => {
  expect((await post('/v1/endpoints', body)).status).toBe(400);
});

test('a test event arrives, signed by both secrets after a rotation; its delivery can be read and repeated', async () => {
  const received: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body });
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const made = await post('/v1/endpoints', {
    url: `http://127.0.0.1:${port}/`,
    events: ['call.*'],
  });
  const path = `/v1/endpoints/${String(made.body?.['id'])}`;
  const rotated = await post(`${path}/rotate`, { oldValidHours: 1 });
  expect(rotated.status).toBe(200);
  const { deliveryId } = (await post(`${path}/test`)).body as { deliveryId: string };
  const deliverer = startDeliverer({ announcements: ledger, endpointAllow: ALLOW, log });
  await vi.waitFor(() => expect(received).toHaveLength(1), WAIT);
  const [{ headers, body } = { headers: {}, body: '' }] = received;
  for (const secret of [made.body?.['secret'], rotated.body?.['secret']]) {
    expect(new Webhook(String(secret)).verify(body, headers)).toMatchObject({
      type: 'endpoint.test',
      callId: null,
    });
  }
  const shown = () => call('GET', `/v1/deliveries/${deliveryId}`);
  await vi.waitFor(async () => {
    expect((await shown()).body).toMatchObject({ state: 'delivered', log: [{ status: 200 }] });
  }, WAIT);
  expect((await post(`/v1/deliveries/${deliveryId}/retry`)).status).toBe(202);
  await vi.waitFor(() => expect(received).toHaveLength(2), WAIT);
  expect(received[1]?.headers['webhook-id']).toBe(received[0]?.headers['webhook-id']);
  await vi.waitFor(async () => {
    const { body } = await call('GET', '/v1/deliveries?state=delivered');
    expect(body).toMatchObject({ data: [{ id: deliveryId, state: 'delivered' }] });
  }, WAIT);
  expect((await call('GET', '/v1/deliveries/dlv_none')).status).toBe(404);
  expect((await post('/v1/deliveries/dlv_none/retry')).status).toBe(404);
  expect((await call('GET', '/v1/deliveries?state=asleep')).status).toBe(400);
  await deliverer.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  for (const secret of [made.body?.['secret'], rotated.body?.['secret']]) {
    expect(logged.join('')).not.toContain(String(secret));
  }
});
