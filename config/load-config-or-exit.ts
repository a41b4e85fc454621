import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import { checkDataFolder } from './data-folder.ts';
import { loadConfig, type ConfigInput } from './load-config.ts';
import { readEnv } from './read-env.ts';

/**
 * For a process's start: what is wrong with the configuration is said, without a stack.
 *
 * @param needsDisk whether nothing can be done without a data folder that can be written
 */
export function loadConfigOrExit(
  input: ConfigInput,
  needsDisk: (config: Config) => boolean = () => false,
): Config {
  try {
    const config = loadConfig(input);
    if (needsDisk(config)) checkDataFolder(config.dataDir, readEnv(input));
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
