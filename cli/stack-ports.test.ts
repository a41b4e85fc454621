import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../config/load-config.ts';
import { checkPorts, findStackPorts, stackPortsEnv } from './stack-ports.ts';

const ALL = new Set(['livekit', 'api', 'agent', 'ingress', 'rehearsal']);

async function check(change: Record<string, string> = {}): Promise<string[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'trunkline-ports-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const env = { ...stackPortsEnv(await findStackPorts()), TRUNKLINE_DATA_DIR: dataDir, ...change };
  return checkPorts(loadConfig({ env, cwd: join(import.meta.dirname, '..') }), ALL);
}

test('ports that are free are no problem, on IPv6 neither', async () => {
  expect(await check()).toEqual([]);
  expect(await check({ TRUNKLINE_SIP_HOST: '::1' })).toEqual([]);
});

test('a port that somebody has is told with the setting that changes it', async () => {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const { port } = socket.address();
  expect(await check({ TRUNKLINE_SIP_PORT: String(port) })).toEqual([
    expect.stringMatching(
      /^UDP port \d+ of 127\.0\.0\.1 \(SIP\) is taken: .*TRUNKLINE_SIP_PORT\.$/,
    ),
  ]);
});

test('a port that two processes are to have is told so', async () => {
  expect(await check({ TRUNKLINE_WORKER_PORT: '29001', TRUNKLINE_HTTP_PORT: '29001' })).toEqual([
    'TCP port 29001 of 127.0.0.1 (the agent worker) is that of the call service too: set TRUNKLINE_WORKER_PORT.',
  ]);
});

test('an address that the machine does not have is told so, and what NAT wants', async () => {
  expect(await check({ TRUNKLINE_SIP_HOST: '192.0.2.1' })).toEqual([
    expect.stringMatching(/^192\.0\.2\.1 \(SIP\) is no address .*ADVERTISED_ADDRESS\.$/),
    expect.stringMatching(/^192\.0\.2\.1 \(SIP\) is no address/),
  ]);
});
