/** A real livekit-server started from the shipped livekit.yaml takes the shipped SIP files. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AccessToken, SipClient } from 'livekit-server-sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findFreePorts } from '../cli/free-ports.ts';
import { findLivekitServer } from '../cli/livekit-server.ts';
import { createProcessGuard } from '../cli/process-guard.ts';
import type { TestRedis } from './harness/start-redis.ts';
import { startRedis } from './harness/start-redis.ts';
import { waitFor } from './harness/wait-for.ts';

const project = resolve(import.meta.dirname, '..');
const apiKey = 'filekey';
const apiSecret = randomBytes(32).toString('base64url');
const redisPassword = randomBytes(16).toString('hex');
const guard = createProcessGuard();
const stops: (() => Promise<void>)[] = [];
let port: number;
let url: string;
let livekitPid: number;
let redis: TestRedis | undefined;
let redisFolder: string;

beforeAll(async () => {
  port = await findFreePorts(4);
  url = `http://127.0.0.1:${port}`;
  redisFolder = mkdtempSync(join(tmpdir(), 'livekit-files-'));
  redis = await startShippedRedis();
  const server = await findLivekitServer(process.env, (line) => process.stderr.write(`${line}\n`));
  livekitPid = start(
    server.command,
    [...server.args, '--config', join(project, 'livekit.yaml'), '--udp-port', `${port + 1}`],
    {
      LIVEKIT_PORT: `${port}`,
      LIVEKIT_KEYS: `${apiKey}: ${apiSecret}`,
      LIVEKIT_WEBHOOK_API_KEY: apiKey,
      REDIS_HOST: `127.0.0.1:${port + 2}`,
      REDIS_PASSWORD: redisPassword,
    },
  );
  await waitFor(async () => (await fetch(url)).ok, { timeout: 30_000, what: 'livekit-server' });
});

afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
  await redis?.kill();
  rmSync(redisFolder, { recursive: true });
});

/** As docker-compose.yml has it; LiveKit's SIP API exists only with Redis. */
function startShippedRedis(): Promise<TestRedis> {
  const { services } = parse(readFileSync(join(project, 'docker-compose.yml'), 'utf8'), {
    merge: true,
  }) as { services: { redis: { command: [string, string, string] } } };
  const shell = services.redis.command[2].replaceAll('$$', '$');
  const env = { REDIS_PASSWORD: redisPassword };
  return startRedis(port + 2, shell, { cwd: redisFolder, env });
}

function start(command: string, args: string[], env: Record<string, string> = {}): number {
  const child = spawn(command, args, {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
  const exited = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} did not start`);
  guard.watch(pid);
  stops.push(async () => {
    child.kill('SIGKILL');
    await exited;
    guard.release(pid);
  });
  return pid;
}

/** Sends a file as it is, the way `lk` does. */
async function provision(method: string, file: string): Promise<Response> {
  const token = new AccessToken(apiKey, apiSecret);
  token.addSIPGrant({ admin: true });
  return fetch(`${url}/twirp/livekit.SIP/${method}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await token.toJwt()}`,
      'content-type': 'application/json',
    },
    body: readFileSync(join(project, file)),
  });
}

test('the trunk and the rule are accepted unchanged, and a second trunk for a number is not', async () => {
  const trunk = await provision('CreateSIPInboundTrunk', 'sip-trunk.json');
  expect(await trunk.json()).toMatchObject({ name: 'novofon' });
  const rule = await provision('CreateSIPDispatchRule', 'sip-dispatch-rule.json');
  expect(await rule.json()).toMatchObject({ name: 'trunkline' });
  const again = await provision('CreateSIPInboundTrunk', 'sip-trunk.json');
  expect(again.ok).toBe(false);

  const sip = new SipClient(url, apiKey, apiSecret);
  const [kept] = await sip.listSipInboundTrunk();
  expect(kept?.headersToAttributes).toEqual({ CALLED_DID: 'sip.h.called_did' });
});

test('they are still there after Redis was killed and started again', async () => {
  const sip = new SipClient(url, apiKey, apiSecret);
  const before = await sip.listSipDispatchRule();
  expect(before).toHaveLength(1);
  // On disk within a second (appendfsync everysec); a process that is killed loses none of it.
  await redis?.kill();
  redis = await startShippedRedis();
  const after = await waitFor(() => sip.listSipDispatchRule());
  expect(after).toEqual(before);
  expect(await sip.listSipInboundTrunk()).toHaveLength(1);
});

test.runIf(process.platform === 'linux')('it listens on one port of loopback only', () => {
  expect(listenersOf(livekitPid)).toEqual([`0100007F:${port.toString(16).toUpperCase()}`]);
});

/** Local addresses of a process's listening TCP sockets, as /proc writes them. */
function listenersOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const sockets = new Set(readdirSync(folder).map((fd) => readlinkSync(join(folder, fd))));
  const LISTEN = '0A';
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((row) => row.trim().split(/\s+/))
      .filter(
        ([, , , state, , , , , , inode]) => state === LISTEN && sockets.has(`socket:[${inode}]`),
      )
      .map(([, address = '']) => address),
  );
}
