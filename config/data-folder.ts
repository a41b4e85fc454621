import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from './config-error.ts';
import { placeOf } from './load-settings.ts';
import { makeFolder } from './make-folder.ts';
import type { Env } from './read-env.ts';

const SETTING = 'TRUNKLINE_DATA_DIR';

/**
 * Tries whether the data folder can be made and written. For what a person starts: a process that
 * is started again when its disk has become full takes calls without.
 *
 * @throws {ConfigError} a sentence
 */
export function checkDataFolder(dataDir: string, variables: Env): void {
  const probe = join(dataDir, `.probe-${process.pid}`);
  try {
    makeFolder(dataDir);
    writeFileSync(probe, 'x', { mode: 0o600 });
    rmSync(probe);
  } catch (error) {
    throw unwritable(error, variables);
  }
}

export function unwritable(error: unknown, variables: Env): ConfigError {
  const message = `should be a folder that can be written: ${(error as Error).message}.`;
  return new ConfigError([{ ...placeOf(variables, SETTING), path: SETTING, message }]);
}
