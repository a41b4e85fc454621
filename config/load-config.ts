import { resolve } from 'node:path';
import { reachableHost } from './addresses.ts';
import { checkTogether, type Report, sipCredentials } from './check-settings.ts';
import type { Config, LiveKitConfig, ProviderConfig, ProvidersConfig } from './config.ts';
import { ConfigError, type Problem } from './config-error.ts';
import { unwritable } from './data-folder.ts';
import { deepFreeze } from './deep-freeze.ts';
import { loadLines } from './load-lines.ts';
import { loadSettings, placeOf } from './load-settings.ts';
import { loadTrunk } from './load-trunk.ts';
import { ensureLocalSecret } from './local-secret.ts';
import { type Env, type EnvInput, readEnv } from './read-env.ts';
import type { Settings } from './settings.ts';

export interface ConfigInput extends EnvInput {
  readonly builtInSip?: boolean;
}

/**
 * Environment and `.env`, `lines.yaml` and `sip-trunk.json` as one frozen Config. Where LiveKit
 * runs on this machine and no secret is given, makes one in the data folder.
 *
 * @param input.env the process's environment
 * @param input.cwd folder of `.env`, and the one that relative paths start from
 * @param input.builtInSip the built-in SIP endpoint is to run: what it cannot do is a problem
 * @throws {ConfigError} with every problem found
 */
export function loadConfig({ env, cwd, builtInSip = false }: ConfigInput): Config {
  const problems: Problem[] = [];
  const variables = readEnv({ env, cwd });
  const { settings, unusable } = loadSettings(variables, cwd, problems);
  const linesPath = resolve(cwd, settings.TRUNKLINE_CONFIG);
  const loaded = loadLines(linesPath, cwd, problems);
  const report: Report = (name, message, others = []) => {
    // It may be another one once that is right.
    if ([name, ...others].some((one) => unusable.has(one))) return;
    problems.push({ ...placeOf(variables, name), path: name, message });
  };

  const credentials = sipCredentials(settings, report);
  const trunk =
    loaded.trunk &&
    loadTrunk(loaded.trunk, loaded.trunkFile, credentials, cwd, problems, builtInSip);
  checkTogether(settings, trunk, report);
  if (problems.length > 0 || trunk === undefined) throw new ConfigError(problems);

  const dataDir = resolve(cwd, settings.TRUNKLINE_DATA_DIR);
  const http = { host: settings.TRUNKLINE_HTTP_HOST, port: settings.TRUNKLINE_HTTP_PORT };
  return deepFreeze<Config>({
    livekit: livekit(settings, dataDir, variables),
    agentName: settings.TRUNKLINE_AGENT_NAME,
    dataDir,
    logLevel: settings.TRUNKLINE_LOG_LEVEL,
    http,
    callServiceUrl: settings.TRUNKLINE_API_URL ?? `http://${reachableHost(http.host)}:${http.port}`,
    worker: {
      health: { host: settings.TRUNKLINE_WORKER_HOST, port: settings.TRUNKLINE_WORKER_PORT },
      hosts: settings.TRUNKLINE_AGENT_HOSTS,
      maxCalls: settings.TRUNKLINE_MAX_CALLS,
    },
    sip: {
      host: settings.TRUNKLINE_SIP_HOST,
      advertisedAddress: settings.TRUNKLINE_SIP_ADVERTISED_ADDRESS,
      port: settings.TRUNKLINE_SIP_PORT,
      health: { host: settings.TRUNKLINE_INGRESS_HOST, port: settings.TRUNKLINE_INGRESS_PORT },
      rtpPorts: settings.TRUNKLINE_SIP_RTP_PORTS,
      maxCalls: settings.TRUNKLINE_MAX_CALLS,
      answerTimeoutMs: Math.min(
        settings.TRUNKLINE_SIP_ANSWER_TIMEOUT_MS,
        trunk.ringingTimeoutMs ?? Infinity,
      ),
      mediaTimeoutMs: settings.TRUNKLINE_SIP_MEDIA_TIMEOUT_MS,
      trunk,
    },
    apiKeys: settings.TRUNKLINE_API_KEYS,
    outbound: {
      trunkId: settings.TRUNKLINE_OUTBOUND_TRUNK,
      dialAllow: settings.TRUNKLINE_DIAL_ALLOW,
    },
    databaseUrl: settings.DATABASE_URL,
    retention: {
      eventsDays: settings.TRUNKLINE_KEEP_EVENTS_DAYS,
      transcriptsDays: settings.TRUNKLINE_KEEP_TRANSCRIPTS_DAYS,
    },
    endpointAllow: settings.TRUNKLINE_ENDPOINT_ALLOW,
    providers: providers(settings),
    lines: loaded.lines,
  });
}

function livekit(settings: Settings, dataDir: string, variables: Env): LiveKitConfig {
  const { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey = 'devkey' } = settings;
  if (settings.LIVEKIT_API_SECRET !== undefined) {
    return { url, apiKey, apiSecret: settings.LIVEKIT_API_SECRET };
  }
  try {
    return { url, apiKey, apiSecret: ensureLocalSecret(dataDir) };
  } catch (error) {
    throw unwritable(error, variables);
  }
}

function providers(settings: Settings): ProvidersConfig {
  const rehearsal = { host: '127.0.0.1', port: settings.TRUNKLINE_REHEARSAL_PORT };
  const emulator = `http://${rehearsal.host}:${rehearsal.port}`;
  return {
    deepgram: provider(
      settings.DEEPGRAM_API_KEY,
      settings.DEEPGRAM_BASE_URL ?? 'https://api.deepgram.com',
      emulator,
    ),
    openai: provider(
      settings.OPENAI_API_KEY,
      settings.OPENAI_BASE_URL ?? 'https://api.openai.com/v1',
      `${emulator}/v1`,
    ),
    rehearsal,
  };
}

function provider(apiKey: string | undefined, baseUrl: string, emulator: string): ProviderConfig {
  return apiKey === undefined
    ? { apiKey: 'rehearsal', baseUrl: emulator, rehearsed: true }
    : { apiKey, baseUrl, rehearsed: false };
}
