/** A Redis that is started anew with nothing in it, under a real livekit-server. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SipClient } from 'livekit-server-sdk';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createMetrics } from '../api/metrics.ts';
import { findFreePorts } from '../cli/free-ports.ts';
import { startLivekit } from './harness/start-livekit.ts';
import { startRedis } from './harness/start-redis.ts';
import { waitFor } from './harness/wait-for.ts';
import { createLiveKit } from '../livekit/livekit-api.ts';
import { SipSetupWatch } from '../livekit/sip-setup.ts';

const KEY = { apiKey: 'APIsetup', apiSecret: randomBytes(32).toString('base64url') };

function watchOf(url: string) {
  const dataDir = mkdtempSync(join(tmpdir(), 'sip-setup-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const metrics = createMetrics({
    countOpen: async () => ({}),
    setAside: { count: async () => 0 },
  });
  const errors: string[] = [];
  const watch = new SipSetupWatch({
    livekit: createLiveKit({ url, ...KEY }),
    outboundTrunkId: undefined,
    dataDir,
    log: pino({ level: 'error' }, { write: (line) => errors.push(line) }),
    onLook: (state, lost) => metrics.lookedAtSip(state, lost),
  });
  const look = async () => {
    await watch.look();
    await watch.look();
    return metrics.sip();
  };
  const lost = async () => {
    const text = await metrics.registry.getMetricsAsJSON();
    return text.find(({ name }) => name === 'trunkline_sip_setup_lost')?.values[0]?.value;
  };
  return { look, lost, errors };
}

test('a Redis that is empty after a restart: the trunk and the rule are missed', async () => {
  const redisPort = await findFreePorts(1);
  let redis = await startRedis(redisPort);
  onTestFinished(() => redis.kill());
  await using livekit = await startLivekit({ ...KEY, redisPort });
  const sip = new SipClient(livekit.httpUrl, KEY.apiKey, KEY.apiSecret);
  const { look, lost, errors } = watchOf(livekit.url);
  const provision = async () => {
    const { sipTrunkId } = await sip.createSipInboundTrunk('novofon', ['878725']);
    const rule = { type: 'individual', roomPrefix: 'call-' } as const;
    await sip.createSipDispatchRule(rule, { name: 'ours', trunkIds: [sipTrunkId] });
  };

  expect([await look(), await lost()]).toEqual(['none', undefined]);
  await provision();
  expect([await look(), await lost()]).toEqual(['ok', 0]);

  await redis.kill();
  expect(await look()).toBe('ok');
  redis = await startRedis(redisPort);
  await waitFor(async () => (await sip.listSipInboundTrunk()).length === 0);
  expect([await look(), await lost()]).toEqual(['lost', 1]);
  expect(errors).toEqual([expect.stringContaining('LiveKit has lost a trunk or a dispatch rule')]);

  await provision();
  expect([await look(), await lost()]).toEqual(['ok', 0]);
}, 120_000);

test('a livekit-server without Redis, as `npm start` runs it, has none to lose', async () => {
  await using livekit = await startLivekit(KEY);
  const { look, errors } = watchOf(livekit.url);
  expect(await look()).toBe('none');
  expect(errors).toEqual([]);
});
