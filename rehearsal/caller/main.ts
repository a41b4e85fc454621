import { reachableHost } from '../../config/addresses.ts';
import { ConfigError } from '../../config/config-error.ts';
import type { Config } from '../../config/config.ts';
import { loadConfig } from '../../config/load-config.ts';
import { localApiKey } from '../../config/local-api-key.ts';
import { Voice } from '../voice/voice.ts';
import { readCallArguments, USAGE } from './arguments.ts';
import type { CallArguments } from './arguments.ts';
import { findCallRecord } from './call-record.ts';
import { openEar } from './ear.ts';
import { inOrder } from './in-order.ts';
import { describeRecord, narrate, summarise } from './narrate.ts';
import { placeCall } from './place-call.ts';

/* oxlint-disable no-console -- a command that talks to a person */

const USED = ['sip', 'lines', 'callServiceUrl', 'apiKeys', 'dataDir'] as const;
type LocalConfig = Pick<Config, (typeof USED)[number]>;

// Who reads the output may have read enough, as with `npm run call | head`: then hang up.
process.stdout.on('error', () => process.emit('SIGINT'));

/** The local stack's, or why there is none, which calls elsewhere do not mind. */
function localConfig(): LocalConfig | ConfigError {
  try {
    return loadConfig({ env: process.env, cwd: process.cwd(), uses: USED });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function apiKeyOf(config: LocalConfig): string | undefined {
  try {
    return localApiKey(config);
  } catch {
    return undefined;
  }
}

async function call(options: CallArguments, config: LocalConfig | undefined): Promise<boolean> {
  const dataDir = config?.dataDir ?? '.trunkline';
  const voice = new Voice(dataDir);
  const greetings = (config?.lines ?? []).map(({ agent }) => agent.greeting);
  const texts = greetings.flatMap((greeting) => ('text' in greeting ? [greeting.text] : []));
  const ear = openEar({ dataDir, texts });
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  try {
    if (!options.json) console.log(`calling ${options.to} from ${options.from}`);
    const result = await placeCall({
      ...options,
      voice: (text) => voice.speak(text, { speaker: 'caller', sampleRate: 8_000 }),
      recognise: (samples) => ear.understand(samples),
      signal: abort.signal,
      onEvent: inOrder((event) => {
        const line = options.json ? JSON.stringify(event) : narrate(event);
        if (line !== undefined) console.log(line);
      }),
    });
    const apiKey = config && apiKeyOf(config);
    const record = apiKey
      ? await findCallRecord({ url: config.callServiceUrl, apiKey }, result.sipCallId)
      : undefined;
    if (options.json) {
      console.log(JSON.stringify({ type: 'result', ...result, record }));
    } else {
      const figures = summarise(result);
      if (figures !== '') console.log(figures);
      else if (options.isLocal)
        console.log('`npm start` in another terminal is what answers there.');
      if (options.record !== undefined) console.log(`recording            ${options.record}`);
      if (record) console.log(describeRecord(record));
    }
    return result.outcome === 'completed' && !result.turns.some((turn) => turn.missed);
  } finally {
    await Promise.all([voice.close(), ear.close()]);
  }
}

try {
  const found = localConfig();
  const config = found instanceof ConfigError ? undefined : found;
  const host = reachableHost(config?.sip.host ?? '127.0.0.1');
  const options = readCallArguments(process.argv.slice(2), `${host}:${config?.sip.port ?? 5060}`);
  if (options.help) console.log(USAGE);
  else if (options.isLocal && found instanceof ConfigError) throw found;
  else process.exitCode = (await call(options, config)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = error instanceof ConfigError ? 1 : 2;
}
