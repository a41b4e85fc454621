import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { openSqliteStore } from './store.ts';
import { KEY, startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of cleanUp.splice(0).toReversed()) await close();
});

async function start(...options: Parameters<typeof startTestApp>): Promise<TestApp> {
  const app = await startTestApp(...options);
  cleanUp.push(() => app.close());
  return app;
}

const make = async (app: TestApp, scope: string, headers: Record<string, string> = {}) => {
  const response = await app.request('/v1/keys', {
    method: 'POST',
    json: { name: scope, scope },
    headers,
  });
  return { response, ...((await response.json()) as { id: string; key: string }) };
};

const typeOf = async (response: Response) =>
  ((await response.json()) as { type: string }).type.replace('urn:trunkline:problem:', '');

const get = (path: string) => ['GET', path] as const;
const post = (path: string) => ['POST', path] as const;

test('each scope may do what it says, and no more', async () => {
  const app = await start();
  const reading = [get('/v1/calls'), get('/v1/lines'), get('/v1/endpoints')];
  const operating = [post('/v1/calls/call_0/hangup'), post('/v1/deliveries/dlv_0/retry')];
  const administering = [get('/v1/keys'), post('/v1/endpoints/ep_0/test')];
  const allowed = { read: 3, operate: 5, admin: 7 };
  for (const [scope, count] of Object.entries(allowed)) {
    const { key } = await make(app, scope);
    const statuses: number[] = [];
    for (const [method, path] of [...reading, ...operating, ...administering]) {
      statuses.push((await app.request(path, { method, key })).status);
    }
    expect(statuses.map((status) => status !== 403)).toEqual(
      statuses.map((_, index) => index < count),
    );
  }
});

test('a key of the configuration may be limited, too', async () => {
  const app = await start({ apiKeys: [KEY, 'read:a-key-for-the-wallboard'] });
  const key = 'a-key-for-the-wallboard';
  expect((await app.request('/v1/calls', { key })).status).toBe(200);
  expect((await app.request('/v1/keys', { key })).status).toBe(403);
  expect((await app.request('/v1/calls', { key: `read:${key}` })).status).toBe(401);
});

test('a key is stored as a digest only, and is gone when it is withdrawn', async () => {
  const app = await start();
  const { key, id } = await make(app, 'read', { 'idempotency-key': 'once' });
  const secret = key.slice('tl_'.length + 27);
  expect(secret).toHaveLength(43);
  const files = ['', '-wal'].map((suffix) => readFileSync(app.databaseFile + suffix, 'latin1'));
  expect(files.join('')).toContain(id);
  expect(files.join('')).not.toContain(secret);
  expect((await app.request('/v1/calls', { key })).status).toBe(200);
  const wrong = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
  expect((await app.request('/v1/calls', { key: wrong })).status).toBe(401);
  await vi.waitFor(async () => {
    const { data } = (await (await app.request('/v1/keys')).json()) as {
      data: { lastUsedAt?: string }[];
    };
    expect(data[0]?.lastUsedAt).toBeDefined();
  });
  expect((await app.request(`/v1/keys/${id}`, { method: 'DELETE' })).status).toBe(204);
  expect((await app.request('/v1/calls', { key })).status).toBe(401);
  expect((await app.request(`/v1/keys/${id}`, { method: 'DELETE' })).status).toBe(404);
});

test('the same request is done once and answered alike, after a restart as well', async () => {
  const first = await start();
  const headers = { 'idempotency-key': 'k1' };
  const made = await make(first, 'read', headers);
  const ledger = await openSqliteStore(first.databaseFile);
  cleanUp.push(() => ledger.close());
  const second = await start({ ledger });
  const again = await make(second, 'read', headers);
  expect(again.response.status).toBe(201);
  expect(again.response.headers.get('idempotent-replayed')).toBe('true');
  expect(again.key).toBe(made.key);
  const other = await make(second, 'admin', headers);
  expect(other.response.status).toBe(422);
  const { data } = await ledger.apiKeys.list({ limit: 10 });
  expect(data).toHaveLength(1);
  // Another's key of the same name is another key.
  const { key } = await make(second, 'admin');
  const theirs = await second.request('/v1/keys', {
    method: 'POST',
    json: { name: 'read', scope: 'read' },
    headers,
    key,
  });
  expect(theirs.headers.get('idempotent-replayed')).toBeNull();
});

test('while the first try is under way the second is told so', async () => {
  const app = await start();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const slow = await start({
    ledger: {
      ...app.ledger,
      apiKeys: {
        ...app.ledger.apiKeys,
        add: async (...args) => {
          begin();
          await held;
          await app.ledger.apiKeys.add(...args);
        },
      },
    },
  });
  const headers = { 'idempotency-key': 'k2' };
  const first = make(slow, 'read', headers);
  await begun;
  const { response } = await make(app, 'read', headers);
  expect(response.status).toBe(409);
  expect(response.headers.get('retry-after')).toBe('1');
  release();
  expect((await first).response.status).toBe(201);
});

test('a failure of ours is not kept: the next try does it', async () => {
  const app = await start();
  let fails = true;
  const flaky = await start({
    ledger: {
      ...app.ledger,
      apiKeys: {
        ...app.ledger.apiKeys,
        add: (...args) =>
          fails ? Promise.reject(new Error('away')) : app.ledger.apiKeys.add(...args),
      },
    },
  });
  const headers = { 'idempotency-key': 'k3' };
  expect((await make(flaky, 'read', headers)).response.status).toBe(500);
  fails = false;
  expect((await make(flaky, 'read', headers)).response.status).toBe(201);
});

test('limits are told on every answer, and kept per key and for guessing', async () => {
  const app = await start({ limits: { requestsPerMinute: 3, failuresPerMinute: 2 } });
  const one = await app.request('/v1/calls');
  expect(one.headers.get('ratelimit-policy')).toBe('"default";q=3;w=60');
  expect(one.headers.get('ratelimit')).toMatch(/^"default";r=2;t=\d+$/);
  await app.request('/v1/calls');
  await app.request('/v1/calls');
  const four = await app.request('/v1/calls');
  expect(four.status).toBe(429);
  expect(Number(four.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await typeOf(four)).toBe('rate-limited');
  const guesses = [];
  for (let n = 0; n < 3; n += 1)
    guesses.push(await app.request('/v1/calls', { key: `guess-${n}` }));
  expect(guesses.map(({ status }) => status)).toEqual([401, 401, 429]);
});

test('a body that is too large or no JSON is a problem', async () => {
  const app = await start();
  const large = await app.request('/v1/keys', {
    method: 'POST',
    json: { name: 'x'.repeat(70_000), scope: 'read' },
  });
  expect([large.status, await typeOf(large)]).toEqual([413, 'too-large']);
  const xml = await app.request('/v1/keys', {
    method: 'POST',
    body: '<key/>',
    headers: { 'content-type': 'text/xml' },
  });
  expect([xml.status, await typeOf(xml)]).toEqual([415, 'unsupported-media-type']);
});
