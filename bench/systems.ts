import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import { createProcessGuard } from '../cli/process-guard.ts';
import { findStackPorts } from '../cli/stack-ports.ts';
import { startStack } from '../cli/stack.ts';
import type { Stack } from '../cli/stack.ts';
import { supervise } from '../cli/supervisor.ts';
import type { Supervised } from '../cli/supervisor.ts';
import type { Config } from '../config/config.ts';
import { findLine } from '../config/config.ts';
import type { SystemName } from './arguments.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Room for every call of the largest run, with some to spare. */
const RTP_CALLS = 64;
/** What is not on a call needs no longer to end. */
const STOP_MS = 5_000;
/** The number that is dialled; the line `*` answers it. */
const CALLED = '+10000000000';

/** Something that answers calls, started for a benchmark. */
export interface System extends AsyncDisposable {
  readonly name: SystemName;
  readonly config: Config;
  /** SIP URI to call. */
  readonly to: string;
  /** Silence after which the STT ends a turn, ms: part of what every turn must wait. */
  readonly endpointingMs: number;
  /** Pids of what is measured, by name; empty when not ours to know. */
  readonly pids: () => ReadonlyMap<string, number>;
}

export interface SystemOptions {
  /** Renderings and livekit-server are kept here from run to run. */
  readonly dataDir: string;
  readonly maxCalls: number | undefined;
  /** Silence after which the STT ends a turn, ms. */
  readonly endpointingMs: number;
  readonly onProgress: (line: string) => void;
}

/** Starts the system on free ports of loopback; resolves when all of it is ready. */
export async function startSystem(name: SystemName, options: SystemOptions): Promise<System> {
  const ports = await findStackPorts(RTP_CALLS);
  const env: Record<string, string | undefined> = {
    ...process.env,
    TRUNKLINE_LOG_LEVEL: 'warn',
    TRUNKLINE_CONFIG: await writeLines(options),
    // Keys would turn a benchmark into a bill.
    DEEPGRAM_API_KEY: undefined,
    OPENAI_API_KEY: undefined,
    ...(options.maxCalls !== undefined && { TRUNKLINE_MAX_CALLS: String(options.maxCalls) }),
  };
  const stack = await startStack({
    env,
    ports,
    dataDir: options.dataDir,
    onProgress: options.onProgress,
    ...(name !== 'trunkline' && { only: ['livekit', 'rehearsal', 'api', 'ingress'] }),
  });
  try {
    const stock = name === 'trunkline' ? undefined : await startStockWorker(name, stack, env);
    return {
      name,
      config: stack.config,
      ...dialling(stack.config),
      pids: () => pidsOf([...stack.processes.values(), ...(stock ? [stock] : [])]),
      async [Symbol.asyncDispose]() {
        await stock?.stop(STOP_MS);
        await stack.stop(STOP_MS);
      },
    };
  } catch (error) {
    await stack.stop(0);
    throw error;
  }
}

/** The lines that ship, with another endpointing; answers the new file's path. */
async function writeLines({ dataDir, endpointingMs }: SystemOptions): Promise<string> {
  const lines = parseDocument(await readFile(join(ROOT, 'config/lines.yaml'), 'utf8'));
  lines.setIn(['trunk', 'file'], join(ROOT, 'sip-trunk.json'));
  lines.setIn(['agents', 'restaurantDesk', 'stt', 'endpointingMs'], endpointingMs);
  const path = join(dataDir, 'lines.yaml');
  await mkdir(dataDir, { recursive: true });
  await writeFile(path, String(lines));
  return path;
}

/** The stack that runs already, by its configuration. */
export function attachTo(config: Config): System {
  return {
    name: 'trunkline',
    config,
    ...dialling(config),
    pids: () => new Map(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function dialling(config: Config): Pick<System, 'to' | 'endpointingMs'> {
  const host = config.sip.host === '0.0.0.0' ? '127.0.0.1' : config.sip.host;
  const line = findLine(config.lines, CALLED);
  if (!line) throw new Error(`no line answers ${CALLED}; config/lines.yaml needs one for *`);
  return {
    to: `sip:${CALLED}@${host}:${config.sip.port}`,
    endpointingMs: line.agent.stt.endpointingMs,
  };
}

async function startStockWorker(
  name: SystemName,
  { config, logDir }: Stack,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Supervised> {
  const { livekit, providers, worker } = config;
  const agent = findLine(config.lines, CALLED)?.agent;
  if (!agent || !('text' in agent.greeting)) throw new Error('the line needs a spoken greeting');
  const stock = supervise(
    {
      name: 'agent',
      command: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        fileURLToPath(new URL('stock-worker.ts', import.meta.url)),
        'start',
      ],
      cwd: ROOT,
      env: {
        ...env,
        LIVEKIT_URL: livekit.url,
        LIVEKIT_API_KEY: livekit.apiKey,
        LIVEKIT_API_SECRET: livekit.apiSecret,
        DEEPGRAM_API_KEY: providers.deepgram.apiKey,
        DEEPGRAM_BASE_URL: providers.deepgram.baseUrl,
        OPENAI_API_KEY: providers.openai.apiKey,
        OPENAI_BASE_URL: providers.openai.baseUrl,
        TRUNKLINE_AGENT_NAME: config.agentName,
        STOCK_HEALTH_PORT: String(worker.health.port),
        STOCK_ENDPOINTING_MS: String(agent.stt.endpointingMs),
        STOCK_INSTRUCTIONS: agent.instructions,
        STOCK_GREETING: agent.greeting.text,
        STOCK_MIN_DELAY_MS: name === 'stock-tuned' ? '0' : undefined,
        NODE_COMPILE_CACHE: join(config.dataDir, 'compile-cache'),
      },
      logFile: join(logDir, `${name}.log`),
      readyUrl: `http://127.0.0.1:${worker.health.port}/`,
      aliveUrl: `http://127.0.0.1:${worker.health.port}/`,
      silentMs: 60_000,
    },
    { guard: createProcessGuard(), onEvent: () => undefined },
  );
  await stock.firstReady;
  return stock;
}

function pidsOf(processes: readonly Supervised[]): Map<string, number> {
  return new Map(
    processes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid] as const])),
  );
}
