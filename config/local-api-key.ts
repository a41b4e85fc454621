import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';

/**
 * What programs on this machine show to the call service: the first key of the configuration,
 * without the limit that may stand before it, else the one that its first start made.
 *
 * @throws the file system's error when there is neither
 */
export function localApiKey({ apiKeys, dataDir }: Pick<Config, 'apiKeys' | 'dataDir'>): string {
  const configured = apiKeys[0]?.replace(/^(?:read|operate|admin):/, '');
  return configured ?? readFileSync(join(dataDir, 'api-key'), 'utf8').trim();
}
