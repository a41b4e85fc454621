import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '../../cli/free-ports.ts';
import { localLivekitYaml } from '../../cli/livekit-config.ts';
import { findLivekitServer } from '../../cli/livekit-server.ts';
import { rtcPort } from '../../cli/stack-ports.ts';
import { createProcessGuard } from '../../cli/process-guard.ts';
import { waitFor } from './wait-for.ts';

/** A real livekit-server of a test's own, on loopback. */
export interface TestLivekit extends AsyncDisposable {
  /** ws:// */
  readonly url: string;
  /** http://, for livekit-server-sdk. */
  readonly httpUrl: string;
  readonly apiKey: string;
  readonly apiSecret: string;
  readonly pid: number;
  /** What the server logged until now. */
  log(): string;
  /** Twice is fine. */
  stop(): Promise<void>;
}

/**
 * @param options.webhookUrl where the server sends its webhooks, signed with `apiKey`
 * @param options.redisPort of a Redis on loopback, without which there is no SIP API
 * @param options.port of an earlier server, to be that one started anew; the next two are used too
 */
export async function startLivekit(
  options: {
    webhookUrl?: string;
    apiKey?: string;
    apiSecret?: string;
    port?: number;
    redisPort?: number;
  } = {},
): Promise<TestLivekit> {
  const server = await findLivekitServer(process.env, (line) =>
    process.stderr.write(`${line}
`),
  );
  const apiKey = options.apiKey ?? 'APItest';
  const apiSecret = options.apiSecret ?? randomBytes(32).toString('base64url');
  const port = options.port ?? (await findFreePorts(3));
  const yaml = localLivekitYaml(
    { logging: { json: true, level: 'info' }, agents: { target_load: 1 } },
    {
      port,
      rtcUdpPort: rtcPort(port),
      apiKey,
      apiSecret,
      webhookUrls: options.webhookUrl ? [options.webhookUrl] : [],
    },
  );

  const folder = mkdtempSync(join(tmpdir(), 'trunkline-livekit-'));
  const logFile = join(folder, 'livekit.log');
  const output = openSync(logFile, 'w');
  const child = spawn(server.command, server.args, {
    env: {
      ...process.env,
      LIVEKIT_CONFIG: yaml,
      ...(options.redisPort !== undefined && { REDIS_HOST: `127.0.0.1:${options.redisPort}` }),
    },
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const exited = once(child, 'exit');
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${server.command} did not start`);
  const guard = createProcessGuard();
  guard.watch(pid);
  const log = () => readFileSync(logFile, 'utf8');

  let stopping: Promise<void> | undefined;
  const stop = () =>
    (stopping ??= (async () => {
      child.kill('SIGKILL');
      await exited;
      guard.release(pid);
      rmSync(folder, { recursive: true, force: true });
    })());

  const httpUrl = `http://127.0.0.1:${port}`;
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error('livekit-server ended');
        return (await fetch(httpUrl)).ok;
      },
      { timeout: 15_000, what: 'livekit-server to answer' },
    );
  } catch (error) {
    const said = log();
    await stop();
    throw new Error(`livekit-server did not start:\n${said}`, { cause: error });
  }
  return {
    url: `ws://127.0.0.1:${port}`,
    httpUrl,
    apiKey,
    apiSecret,
    pid,
    log,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
