import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { Config } from '../config/config.ts';
import { urlOf } from '../config/addresses.ts';
import { checkDataFolder } from '../config/data-folder.ts';
import { loadConfig } from '../config/load-config.ts';
import { localApiKey } from '../config/local-api-key.ts';
import { MEDIA_HEAP_FLAGS } from '../config/media-heap.ts';
import { readEnv } from '../config/read-env.ts';
import { localLivekitYaml } from './livekit-config.ts';
import { buildDesk } from './build-desk.ts';
import { findLivekitServer } from './livekit-server.ts';
import { createProcessGuard } from './process-guard.ts';
import { checkPorts, livekitPort, rtcPort, stackPortsEnv } from './stack-ports.ts';
import type { StackPorts } from './stack-ports.ts';
import { supervise } from './supervisor.ts';
import type { ProcessSpec, Supervised, SupervisorEvent } from './supervisor.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Long enough for what is not in use; calls get `drainMs`. */
const STOP_MS = 5000;

/** For the BYE to each caller, its answer and the last reports, when the rest is in a hurry. */
const GOODBYE_MS = 3_000;

export const processNames = ['livekit', 'rehearsal', 'api', 'agent', 'ingress'] as const;
export type ProcessName = (typeof processNames)[number];

/**
 * How long a process may answer nothing before it counts as hung. Callers hear nothing while those
 * stand still that their sound goes through; the others may be busy, the call service with its
 * database. On 2 cores with 10 calls no answer took more than half a second.
 */
const SILENT_MS: Readonly<Record<ProcessName, number>> = {
  livekit: 10_000,
  ingress: 10_000,
  agent: 15_000,
  rehearsal: 15_000,
  api: 30_000,
};

export interface StackOptions {
  /** Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Folder of `.env`, and the one that relative paths start from; default: the project. */
  readonly cwd?: string;
  /** Over what the environment says. */
  readonly ports?: StackPorts;
  readonly dataDir?: string;
  /** Start these only; default: whatever the configuration needs. */
  readonly only?: readonly ProcessName[];
  /** Progress of what takes long (building livekit-server). */
  readonly onProgress?: (line: string) => void;
  readonly onEvent?: (name: ProcessName, event: SupervisorEvent) => void;
}

/** A whole Trunkline on one machine, all of it ready. */
export interface Stack extends AsyncDisposable {
  readonly config: Config;
  /** What runs, by name; the rehearsal providers only where a key is missing. */
  readonly processes: ReadonlyMap<ProcessName, Supervised>;
  /** Bearer key of the REST API. */
  readonly apiKey: string;
  readonly apiUrl: string;
  readonly logDir: string;
  /**
   * No new calls; those that run may go on for `drainMs` (default 5 s); then everything ends.
   * Twice is fine.
   */
  stop(drainMs?: number): Promise<void>;
  /** Ends everything now, but for the BYE to those who are on the telephone; twice is fine. */
  hurry(): Promise<void>;
}

/** Ports that cannot be had; nothing was started. */
export class PortsTakenError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'PortsTakenError';
    this.problems = problems;
  }
}

/**
 * Starts every process at once and waits until each is ready. A process that dies later is started
 * again.
 * @throws {ConfigError} every problem of the configuration
 * @throws {PortsTakenError} before anything was started
 * @throws {StartError} a process that could not start, after the others were stopped
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { cwd = ROOT, ports, dataDir, onProgress = () => {}, onEvent = () => {} } = options;
  const given = options.env ?? process.env;
  const env = {
    ...given,
    ...(ports && stackPortsEnv(ports)),
    ...(dataDir !== undefined && { TRUNKLINE_DATA_DIR: dataDir }),
  };
  const wanted = options.only ?? processNames;
  const config = loadConfig({ env, cwd, builtInSip: wanted.includes('ingress') });
  const variables = readEnv({ env, cwd });
  checkDataFolder(config.dataDir, variables);
  const livekitIsGiven = !ports && variables.has('LIVEKIT_URL');
  const startsLivekit = !livekitIsGiven || !(await isElsewhere(config));
  const names = new Set(
    wanted.filter((name) => {
      if (name === 'livekit') return startsLivekit;
      if (name === 'rehearsal') return isRehearsed(config);
      return true;
    }),
  );

  if (names.has('api')) await buildDesk(onProgress);
  const taken = await checkPorts(config, names);
  if (taken.length > 0) throw new PortsTakenError(taken);
  const logDir = join(config.dataDir, 'logs');
  const guard = createProcessGuard();
  const commands = await Promise.all(
    [...names].map(async (name) => {
      const command =
        name === 'livekit'
          ? await livekitCommand(config, env, onProgress)
          : nodeCommand(name, config);
      return [name, command] as const;
    }),
  );
  const processes = new Map(
    commands.map(([name, { extraEnv, ...command }]) => {
      const spec: ProcessSpec = {
        ...command,
        name,
        silentMs: SILENT_MS[name],
        cwd,
        env: { ...env, ...extraEnv, NODE_COMPILE_CACHE: join(config.dataDir, 'compile-cache') },
        logFile: join(logDir, `${name}.log`),
      };
      return [name, supervise(spec, { guard, onEvent: (event) => onEvent(name, event) })] as const;
    }),
  );

  const stopSome = async (ms: number, ...group: ProcessName[]) => {
    await Promise.all(group.map(async (name) => processes.get(name)?.stop(ms)));
  };
  const stopAll = async (drainMs: number) => {
    // Calls end while what they need is still there; the record outlives them.
    await stopSome(drainMs, 'ingress', 'agent');
    await stopSome(STOP_MS, 'api');
    await stopSome(STOP_MS, 'livekit', 'rehearsal');
  };
  const hurry = async () => {
    const ingress = processes.get('ingress');
    const ended = ingress?.stop(GOODBYE_MS);
    ingress?.hurry();
    await Promise.race([ended, delay(GOODBYE_MS, undefined, { ref: false })]);
    for (const supervised of processes.values()) supervised.kill();
  };
  let stopped: Promise<void> | undefined;
  const stop = (drainMs = STOP_MS) => (stopped ??= stopAll(drainMs));
  try {
    await Promise.all([...processes.values()].map(({ firstReady }) => firstReady));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    config,
    processes,
    apiKey: config.apiKeys.length > 0 || names.has('api') ? localApiKey(config) : '',
    apiUrl: config.callServiceUrl,
    logDir,
    stop,
    hurry,
    [Symbol.asyncDispose]: stop,
  };
}

/** Whether any provider is the emulator on loopback. */
function isRehearsed({ providers }: Config): boolean {
  return providers.deepgram.rehearsed || providers.openai.rehearsed;
}

type Command = Pick<ProcessSpec, 'command' | 'args' | 'readyUrl' | 'aliveUrl'> & {
  readonly extraEnv?: Record<string, string>;
};

function nodeCommand(name: Exclude<ProcessName, 'livekit'>, config: Config): Command {
  const url = urlOf(
    {
      api: config.http,
      agent: config.worker.health,
      ingress: config.sip.health,
      rehearsal: config.providers.rehearsal,
    }[name],
  );
  return {
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      ...(name === 'ingress' ? MEDIA_HEAP_FLAGS : []),
      join(ROOT, name, 'main.ts'),
    ],
    readyUrl: `${url}${name === 'rehearsal' ? '/healthz' : '/readyz'}`,
    aliveUrl: `${url}/healthz`,
  };
}

async function livekitCommand(
  config: Config,
  env: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<Command> {
  const server = await findLivekitServer(env, onProgress);
  const port = livekitPort(config);
  const base = parse(readFileSync(join(ROOT, 'livekit.yaml'), 'utf8')) as Record<string, unknown>;
  const yaml = localLivekitYaml(base, {
    port,
    rtcUdpPort: rtcPort(port),
    apiKey: config.livekit.apiKey,
    apiSecret: config.livekit.apiSecret,
    webhookUrls: [`${config.callServiceUrl}/webhooks/livekit`],
  });
  return {
    command: server.command,
    args: server.args,
    // Not on the command line, where every user of the machine could read the secret.
    extraEnv: { LIVEKIT_CONFIG: yaml },
    readyUrl: `http://127.0.0.1:${port}`,
    aliveUrl: `http://127.0.0.1:${port}`,
  };
}

/** Whether the given LIVEKIT_URL is another machine's, or answers already. */
async function isElsewhere({ livekit }: Config): Promise<boolean> {
  const url = new URL(livekit.url.replace(/^ws/, 'http'));
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) return true;
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}
