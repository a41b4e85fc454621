import { ConfigError } from './config-error.ts';
import type { Config } from './config.ts';
import { loadConfig, type ConfigInput } from './load-config.ts';

/** For a process's start: what is wrong with the configuration is said, without a stack. */
export function loadConfigOrExit(input: ConfigInput): Config {
  try {
    return loadConfig(input);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return process.exit(1);
  }
}
