import type { Config } from '../config/config.ts';
import { localApiKey } from '../config/local-api-key.ts';

/** `trunkline env`: what LiveKit's tools read, as a shell takes it (POSIX.1-2024, 2.2.2). */
export function livekitExports({ livekit: { url, apiKey, apiSecret } }: Pick<Config, 'livekit'>) {
  return Object.entries({
    LIVEKIT_URL: url,
    LIVEKIT_API_KEY: apiKey,
    LIVEKIT_API_SECRET: apiSecret,
  })
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join('\n');
}

/**
 * `trunkline key`: what the REST API on this machine takes.
 * @throws {Error} a sentence, when there is none yet
 */
export function apiKeyOf(config: Pick<Config, 'apiKeys' | 'dataDir'>): string {
  try {
    return localApiKey(config);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'ENOENT'
        ? `There is no API key in ${config.dataDir} yet: the first start of the call service makes one.`
        : `The API key in ${config.dataDir} cannot be read (${code}).`,
      { cause: error },
    );
  }
}
