import { ConfigError } from './config-error.ts';
import type { Config, Part } from './config.ts';
import { checkDataFolder } from './data-folder.ts';
import { loadConfig, type ConfigInput } from './load-config.ts';
import { readEnv } from './read-env.ts';

const warn = ({ message }: ConfigError) =>
  process.stderr.write(`${message}\nThis process does not need what is wrong, and starts.\n`);

/**
 * For a process's start: what is wrong with the configuration is said, without a stack; what is
 * wrong in parts that the process does not use as well, but does not stop it.
 *
 * @param needsDisk whether nothing can be done without a data folder that can be written
 */
export function loadConfigOrExit<Used extends Part>(
  input: Omit<ConfigInput<Used | 'dataDir'>, 'onOther'>,
  needsDisk: (config: Pick<Config, Used | 'dataDir'>) => boolean = () => false,
): Pick<Config, Used | 'dataDir'> {
  try {
    const config = loadConfig({ ...input, onOther: warn });
    if (needsDisk(config)) checkDataFolder(config.dataDir, readEnv(input));
    return config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
