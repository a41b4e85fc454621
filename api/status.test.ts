import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openWorkerTeller } from '../reporting/teller.ts';
import { startTestApp } from './fixtures/test-app.ts';
import type { TestApp } from './fixtures/test-app.ts';
import { WorkerBoard } from './workers.ts';

const LIVEKIT = { url: 'ws://127.0.0.1:9', apiKey: 'key', apiSecret: 'secret-'.repeat(6) };
const NOTE = {
  process: 'host 1',
  agentName: 'trunkline',
  registered: true,
  ready: true,
  activeCalls: 1,
  freeCalls: 9,
};

let app: TestApp;
beforeEach(async () => void (app = await startTestApp({ config: { livekit: LIVEKIT } })));
afterEach(() => app.close());

test('status.json has each part, without a key and without a secret', async () => {
  const tell = openWorkerTeller({ callServiceUrl: app.url, livekit: LIVEKIT });
  tell({ ...NOTE, id: 'AW_1' });
  await vi.waitFor(async () => {
    const workers = (await (await app.request('/v1/workers')).json()) as object;
    expect(workers).toEqual({
      known: true,
      data: [expect.objectContaining({ id: 'AW_1', freeCalls: 9 })],
    });
  });
  const response = await fetch(`${app.url}/status.json`);
  const text = await response.text();
  expect(JSON.parse(text)).toEqual({
    status: 'ok',
    parts: {
      database: 'up',
      livekit: 'unknown',
      sip: 'unknown',
      workers: 'ok',
      providers: { deepgram: 'rehearsed', openai: 'rehearsed' },
      consumers: 'none',
    },
    workers: { ready: 1, freeCalls: 9 },
  });
  expect(text).not.toContain('secret');
});

test('a worker that tells nothing any more is gone', () => {
  let now = 0;
  const board = new WorkerBoard(() => now);
  expect(board.list()).toBeUndefined();
  board.take(NOTE);
  expect(board.list()).toHaveLength(1);
  now = 60_000;
  expect(board.list()).toEqual([]);
});
