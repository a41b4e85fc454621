import { resolve } from 'node:path';
import { urlOf } from './addresses.ts';
import { checkTogether, type Report, sipCredentials } from './check-settings.ts';
import type { Config, LiveKitConfig, Part, ProviderConfig, ProvidersConfig } from './config.ts';
import { ConfigError, type Problem } from './config-error.ts';
import { unwritable } from './data-folder.ts';
import { deepFreeze } from './deep-freeze.ts';
import { loadLines } from './load-lines.ts';
import { loadSettings, placeOf } from './load-settings.ts';
import { loadTrunk } from './load-trunk.ts';
import { ensureLocalSecret } from './local-secret.ts';
import { type Env, type EnvInput, readEnv } from './read-env.ts';
import { partOf } from './settings.ts';
import type { Settings } from './settings.ts';

export interface ConfigInput<Used extends Part = Part> extends EnvInput {
  readonly builtInSip?: boolean;
  readonly uses?: readonly Used[];
  readonly onOther?: (problems: ConfigError) => void;
}

/**
 * Environment and `.env`, `lines.yaml` and `sip-trunk.json` as one frozen Config. Where LiveKit
 * runs on this machine and no secret is given, makes one in the data folder.
 *
 * @param input.env the process's environment
 * @param input.cwd folder of `.env`, and the one that relative paths start from
 * @param input.builtInSip the built-in SIP endpoint is to run: what it cannot do is a problem
 * @param input.uses the parts that are needed; all when left out
 * @param input.onOther told of the problems of other parts
 * @throws {ConfigError} with every problem found in the parts that are used
 * @example
 * const { http } = loadConfig({ env: process.env, cwd: process.cwd(), uses: ['http'] });
 */
export function loadConfig<Used extends Part = Part>(input: ConfigInput<Used>): Pick<Config, Used> {
  const { env, cwd, builtInSip = false, uses, onOther } = input;
  const problems: Problem[] = [];
  const variables = readEnv({ env, cwd });
  const { settings, unusable } = loadSettings(variables, cwd, problems);
  const ofLines: Problem[] = [];
  const loaded = loadLines(resolve(cwd, settings.lines.file), cwd, ofLines);
  problems.push(...ofLines.map((problem) => ({ ...problem, part: 'lines' as const })));
  const report: Report = (name, message, others = []) => {
    // It may be another one once that is right.
    if ([name, ...others].some((one) => unusable.has(one))) return;
    problems.push({ ...placeOf(variables, name), path: name, message, part: partOf(name) });
  };

  const credentials = sipCredentials(settings, report);
  const ofTrunk: Problem[] = [];
  const trunk = loadTrunk(loaded, credentials, cwd, ofTrunk, builtInSip);
  problems.push(...ofTrunk.map((problem) => ({ ...problem, part: 'sip' as const })));
  checkTogether(settings, loaded.trunk && ofTrunk.length === 0 ? trunk : undefined, report);

  const ours = problems.filter(({ part }) => !part || !uses || uses.includes(part as Used));
  if (ours.length > 0) throw new ConfigError(ours);
  if (problems.length > 0) onOther?.(new ConfigError(problems));

  const dataDir = resolve(cwd, settings.dataDir);
  const { http, worker } = settings;
  const { credentials: _, ...sip } = settings.sip;
  return deepFreeze<Config>({
    ...settings,
    dataDir,
    livekit: livekit(settings.livekit, dataDir, variables),
    livekitPublicUrl: settings.livekitPublicUrl ?? settings.livekit.url,
    callServiceUrl: settings.callServiceUrl ?? urlOf(http),
    sip: {
      ...sip,
      maxCalls: worker.maxCalls,
      answerTimeoutMs: Math.min(sip.answerTimeoutMs, trunk.ringingTimeoutMs ?? Infinity),
      trunk,
    },
    providers: providers(settings.providers),
    numbering: {
      country: trunk.country,
      calledNumberAttribute: trunk.calledNumberAttribute,
      trunkNumbers: trunk.numbers,
    },
    lines: loaded.lines,
  });
}

function livekit(
  { url, apiKey = 'devkey', apiSecret }: Settings['livekit'],
  dataDir: string,
  variables: Env,
): LiveKitConfig {
  try {
    return { url, apiKey, apiSecret: apiSecret ?? ensureLocalSecret(dataDir) };
  } catch (error) {
    throw unwritable(error, variables);
  }
}

function providers({ deepgram, openai, rehearsal }: Settings['providers']): ProvidersConfig {
  const at = { host: '127.0.0.1', ...rehearsal };
  const emulator = `http://${at.host}:${at.port}`;
  return {
    deepgram: provider(deepgram, 'https://api.deepgram.com', emulator),
    openai: provider(openai, 'https://api.openai.com/v1', `${emulator}/v1`),
    rehearsal: at,
  };
}

function provider(
  { apiKey, baseUrl }: Settings['providers']['openai'],
  usual: string,
  emulator: string,
): ProviderConfig {
  return apiKey === undefined
    ? { apiKey: 'rehearsal', baseUrl: emulator, rehearsed: true }
    : { apiKey, baseUrl: baseUrl ?? usual, rehearsed: false };
}
