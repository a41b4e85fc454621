import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../config/load-config.ts';
import { waitFor } from '../../test/harness/wait-for.ts';
import { HostPool } from './host-pool.ts';

const SERVICE = 'http://127.0.0.1:9';

test('a host that has had its share of calls is replaced, and loses none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-hosts-'));
  const env = {
    LIVEKIT_URL: 'ws://127.0.0.1:9',
    LIVEKIT_API_KEY: 'key',
    LIVEKIT_API_SECRET: 'a secret of at least thirty-two characters',
    TRUNKLINE_CONFIG: fileURLToPath(new URL('../../config/lines.yaml', import.meta.url)),
    TRUNKLINE_DATA_DIR: folder,
    TRUNKLINE_API_URL: SERVICE,
    TRUNKLINE_AGENT_HOSTS: '1',
    TRUNKLINE_LOG_LEVEL: 'fatal',
  };
  const lost: unknown[] = [];
  const ended: string[] = [];
  let ready = 0;
  const pool = new HostPool({
    config: loadConfig({ env, cwd: folder }),
    log: pino({ level: 'silent' }),
    callsPerHost: 2,
    onLost: (jobs) => lost.push(...jobs),
    onJobEnded: (id) => ended.push(id),
    onReady: () => (ready += 1),
  });
  onTestFinished(async () => {
    await pool.close();
    rmSync(folder, { recursive: true });
  });
  // Nobody answers there, so each call ends by itself.
  const call = (id: string) =>
    pool.launch({
      id,
      workerId: 'AW_1',
      room: { name: id, sid: `RM_${id}` },
      metadata: '',
      url: 'ws://127.0.0.1:9',
      token: '',
    });
  await waitFor(() => pool.ready, { timeout: 30_000, what: 'the first host' });
  expect([call('a'), call('b')]).toEqual([true, true]);
  // While its successor starts, it is better than none.
  expect(call('c')).toBe(true);
  await waitFor(() => ready === 2, { timeout: 30_000, what: 'the second host' });
  expect(pool.counts.ready).toBe(1);
  expect(call('d')).toBe(true);
  await waitFor(() => ended.length === 4, { timeout: 30_000, what: 'all calls to end' });
  expect(ended.toSorted()).toEqual(['a', 'b', 'c', 'd']);
  expect(pool.counts).toEqual({ wanted: 1, ready: 1, failedStarts: 0 });
  expect(lost).toEqual([]);
});
