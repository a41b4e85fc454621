import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KEY, startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';

const DESK = { 'trunkline-desk': '1', 'content-type': 'application/json' };

let app: TestApp;

beforeEach(async () => {
  app = await startTestApp({
    apiKeys: [KEY, `read:${KEY}-read`],
    config: { lines: [{ name: 'main' }] as never },
  });
});

afterEach(() => app.close());

async function linkOf(key = KEY): Promise<string> {
  const made = await app.request('/v1/sign-in-links', { method: 'POST', key });
  expect(made.status).toBe(201);
  const { path } = (await made.json()) as { path: string };
  return /^\/desk\/#sign-in=(.+)$/.exec(path)?.[1] ?? '';
}

function signIn(body: object): Promise<Response> {
  return fetch(`${app.url}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function cookieOf(body: object): Promise<string> {
  const response = await signIn(body);
  expect(response.status).toBe(201);
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? '';
}

describe('a sign-in link', () => {
  test('signs in once, as the key that asked for it', async () => {
    const token = await linkOf();
    const first = await signIn({ token });
    expect(first.status).toBe(201);
    expect(await first.json()).toEqual({ keyId: expect.stringMatching(/^env_/), scope: 'admin' });
    const [set] = first.headers.getSetCookie();
    expect(set).toMatch(/HttpOnly/);
    expect(set).toMatch(/SameSite=Strict/);

    const second = await signIn({ token });
    expect(second.status).toBe(401);
    expect(await second.json()).toMatchObject({ detail: expect.stringContaining('used before') });
  });

  test('may do no more than its key', async () => {
    const cookie = await cookieOf({ token: await linkOf(`${KEY}-read`) });
    const read = await fetch(`${app.url}/v1/calls`, { headers: { cookie } });
    expect(read.status).toBe(200);
    const call = await fetch(`${app.url}/v1/browser-calls`, {
      method: 'POST',
      headers: { cookie, ...DESK },
      body: JSON.stringify({ line: 'main' }),
    });
    expect(call.status).toBe(403);
  });

  test.each(['', 'x', 'e30.e30.e30'])('%j is none', async (token) => {
    expect((await signIn({ token })).status).toBe(401);
  });

  test('a session is not one', async () => {
    const cookie = await cookieOf({ token: await linkOf() });
    expect((await signIn({ token: cookie.split('=')[1] })).status).toBe(401);
  });
});

describe('a session', () => {
  test('begins with an API key, and not with a wrong one', async () => {
    const cookie = await cookieOf({ apiKey: KEY });
    expect(cookie).not.toContain(KEY);
    const session = await fetch(`${app.url}/v1/session`, { headers: { cookie } });
    expect(await session.json()).toMatchObject({ scope: 'admin' });
    expect((await signIn({ apiKey: `${KEY}x` })).status).toBe(401);
  });

  test('changes nothing for another page that has the browser send its cookie', async () => {
    const cookie = await cookieOf({ apiKey: KEY });
    const body = JSON.stringify({ name: 'mine', scope: 'admin' });
    const init = { method: 'POST', body };
    const type = { 'content-type': 'application/json' };
    const forged = await fetch(`${app.url}/v1/keys`, { ...init, headers: { cookie, ...type } });
    expect(forged.status).toBe(401);
    const own = await fetch(`${app.url}/v1/keys`, { ...init, headers: { cookie, ...DESK } });
    expect(own.status).toBe(201);
  });

  test('ends with the key that it is of', async () => {
    const made = await app.request('/v1/keys', {
      method: 'POST',
      json: { name: 'theirs', scope: 'read' },
    });
    const { id, key } = (await made.json()) as { id: string; key: string };
    const cookie = await cookieOf({ apiKey: key });
    const get = () => fetch(`${app.url}/v1/calls`, { headers: { cookie } });
    expect((await get()).status).toBe(200);
    await app.request(`/v1/keys/${id}`, { method: 'DELETE' });
    expect((await get()).status).toBe(401);
  });

  test('is over when they sign out', async () => {
    const response = await fetch(`${app.url}/v1/session`, { method: 'DELETE' });
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()[0]).toMatch(/^trunkline_session=;.*Max-Age=0/);
  });
});

test('guesses are limited', async () => {
  await app.close();
  app = await startTestApp({ limits: { failuresPerMinute: 3 } });
  const answers = [];
  for (let n = 0; n < 5; n += 1) answers.push((await signIn({ apiKey: `guess-${n}` })).status);
  expect(answers).toContain(429);
});

describe('a call by browser', () => {
  test('has a token for one room, one identity and the microphone only', async () => {
    const made = await app.request('/v1/browser-calls', {
      method: 'POST',
      json: { line: 'main' },
    });
    expect(made.status).toBe(201);
    const view = (await made.json()) as { token: string; room: string; identity: string };
    const claims = JSON.parse(
      Buffer.from(view.token.split('.')[1] ?? '', 'base64url').toString(),
    ) as Record<string, unknown>;
    expect(claims).toMatchObject({
      sub: view.identity,
      attributes: { 'trunkline.ingress': 'browser', line: 'main' },
      video: {
        room: view.room,
        roomJoin: true,
        canPublish: true,
        canPublishSources: ['microphone'],
        canUpdateOwnMetadata: false,
      },
      roomConfig: { agents: [{ agentName: 'trunkline', metadata: '{"line":"main"}' }] },
    });
    expect(Number(claims['exp']) * 1_000 - Date.now()).toBeLessThanOrEqual(300_000);
    expect(claims['video']).not.toHaveProperty('roomCreate');
  });

  test('is for a line that there is', async () => {
    const refused = await app.request('/v1/browser-calls', {
      method: 'POST',
      json: { line: 'other' },
    });
    expect(refused.status).toBe(400);
  });
});
